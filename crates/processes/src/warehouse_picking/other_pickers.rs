//! The other pickers: moving obstacles with their own routes.
//!
//! Each walks the shortest way to a random location, stands there for 2 to 8 steps while it picks (5 on average, a
//! parameter), and continues to the next location. It announces its next step, so that others can avoid it, and never steps
//! into another picker. If its way is taken, it passes on the right in a cross aisle, and otherwise waits. After three
//! steps it gives way: between racks it leaves the aisle by the other end and continues in another aisle; elsewhere it
//! chooses another location.

use serde::{Deserialize, Serialize};

use super::layout::{Cell, DIRECTIONS, Layout};
use super::routing::{Passing, step_towards};
use setpoint_random::Stream;

/// Steps that a picker waits for its way to be free before it gives way.
const PATIENCE: u8 = 3;
/// Mean number and least number of steps at a location.
pub const PICKING_STEPS: u32 = 5;
pub const PICKING_STEPS_MIN: u32 = 2;
/// Number of draws to find a location with a free first step; after that any location is accepted.
const DRAWS: usize = 6;

/// Another picker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPicker {
    /// Its position.
    pub at: Cell,
    /// The cell it is about to enter; `at` if it stays.
    pub next: Cell,
    goal: Cell,
    picking: u8,
    blocked: u8,
}

impl OtherPicker {
    /// On its way to `goal`.
    pub fn new(at: Cell, goal: Cell) -> Self {
        Self { at, next: at, goal, picking: 0, blocked: 0 }
    }
}

/// A uniformly drawn location.
pub fn random_location(layout: Layout, random: &mut Stream) -> Cell {
    let aisle = random.below(layout.aisles as u32) as i32;
    layout.beside(aisle, random.below(layout.rows as u32) as i32)
}

/// A uniformly drawn location outside of one cell's aisle.
fn location_elsewhere(layout: Layout, from: Cell, random: &mut Stream) -> Cell {
    let drawn = random.below(layout.aisles as u32 - 1) as i32;
    let aisle = drawn + i32::from(layout.aisle_of(from).is_some_and(|own| drawn >= own));
    layout.beside(aisle, random.below(layout.rows as u32) as i32)
}

/// The new goal of a picker that has waited long enough; `is_open` returns whether the first step towards a goal is free.
fn give_way(layout: Layout, other: OtherPicker, random: &mut Stream, is_open: impl Fn(Cell) -> bool) -> Cell {
    if layout.is_between_racks(other.at) {
        let ends = [layout.front_lane(), layout.back_lane()].map(|y| Cell { x: other.at.x, y });
        return ends.into_iter().find(|end| is_open(*end)).unwrap_or(other.goal);
    }
    let mut draws = (0..DRAWS).map(|_| random_location(layout, random));
    draws.find(|goal| is_open(*goal)).unwrap_or(other.goal)
}

/// All pickers take their announced step, if it is still free, and announce the next step.
pub fn walk(
    layout: Layout,
    others: &mut [OtherPicker],
    picker: Cell,
    picking_steps: u32,
    random: &mut Stream,
) {
    for index in 0..others.len() {
        let OtherPicker { at, next, picking, .. } = others[index];
        if picking > 0 {
            continue;
        }
        if next != at && is_free(others, picker, next) {
            others[index].at = next;
            others[index].blocked = 0;
        } else {
            others[index].blocked += 1;
        }
    }
    announce(layout, others, picker, picking_steps, random);
}

/// Each picker decides on its next step.
pub fn announce(
    layout: Layout,
    others: &mut [OtherPicker],
    picker: Cell,
    picking_steps: u32,
    random: &mut Stream,
) {
    for index in 0..others.len() {
        let mut other = others[index];
        other.next = other.at;
        if other.picking > 0 {
            other.picking -= 1;
            if other.picking == 0 {
                other.goal = random_location(layout, random);
            }
        } else if other.at == other.goal && layout.is_between_racks(other.at) {
            let spread = 2 * (picking_steps - PICKING_STEPS_MIN) + 1;
            other.picking = (PICKING_STEPS_MIN + random.below(spread)) as u8;
        } else if other.at == other.goal {
            other.goal = location_elsewhere(layout, other.at, random);
        }
        if other.picking == 0 {
            let step = |goal| {
                step_towards(layout, other.at, goal, Passing::OnTheRight, |cell| {
                    is_free(others, picker, cell)
                })
            };
            if other.blocked >= PATIENCE {
                other.blocked = 0;
                other.goal = give_way(layout, other, random, |goal| step(goal).is_some());
            }
            if let Some(direction) = step(other.goal) {
                other.next = other.at.after(DIRECTIONS[direction]);
            }
        }
        others[index] = other;
    }
}

fn is_free(others: &[OtherPicker], picker: Cell, cell: Cell) -> bool {
    cell != picker && others.iter().all(|other| other.at != cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { aisles: 4, rows: 6 };
    const FAR: Cell = Cell { x: -9, y: -9 };

    #[test]
    fn they_keep_to_the_floor_and_never_share_a_cell_or_step_into_the_picker() {
        let mut random = Stream::new(3, "others", 0);
        let mut others: Vec<OtherPicker> = (0..8)
            .map(|aisle| OtherPicker::new(Cell { x: aisle, y: 0 }, LAYOUT.beside(aisle % 4, 0)))
            .collect();
        let picker = LAYOUT.beside(1, 2);
        announce(LAYOUT, &mut others, picker, PICKING_STEPS, &mut random);
        let mut moves = 0;
        for _ in 0..5_000 {
            let before = others.clone();
            walk(LAYOUT, &mut others, picker, PICKING_STEPS, &mut random);
            for (index, (before, after)) in before.iter().zip(&others).enumerate() {
                assert!(after.at == before.at || after.at == before.next, "it takes its announced step");
                assert!(LAYOUT.is_floor(after.at) && after.at != picker);
                assert!(before.at.rectilinear(after.at) <= 1 && after.at.rectilinear(after.next) <= 1);
                assert!(others[..index].iter().all(|other| other.at != after.at));
                moves += before.at.rectilinear(after.at);
            }
        }
        // No picker is stuck forever, although eight pickers walk in four aisles of which one is closed.
        assert!(moves > 10_000, "{moves}");
    }

    #[test]
    fn a_picker_walks_picks_and_walks_on() {
        let mut random = Stream::new(4, "others", 0);
        let mut others = [OtherPicker::new(LAYOUT.beside(0, 0), LAYOUT.beside(0, 3))];
        announce(LAYOUT, &mut others, FAR, PICKING_STEPS, &mut random);
        for row in 1..=3 {
            assert_eq!(others[0].next, LAYOUT.beside(0, row));
            walk(LAYOUT, &mut others, FAR, PICKING_STEPS, &mut random);
            assert_eq!(others[0].at, LAYOUT.beside(0, row));
        }
        let mut stood = 0;
        while others[0].next == others[0].at {
            walk(LAYOUT, &mut others, FAR, PICKING_STEPS, &mut random);
            stood += 1;
        }
        assert!((2..=8).contains(&stood), "{stood}");
    }

    #[test]
    fn head_on_between_racks_it_gives_way() {
        let mut random = Stream::new(5, "others", 0);
        let mut others = [OtherPicker::new(LAYOUT.beside(0, 3), LAYOUT.beside(0, 0))];
        let picker = LAYOUT.beside(0, 2);
        announce(LAYOUT, &mut others, picker, PICKING_STEPS, &mut random);
        for _ in 0..PATIENCE {
            assert_eq!(others[0].at, LAYOUT.beside(0, 3));
            walk(LAYOUT, &mut others, picker, PICKING_STEPS, &mut random);
        }
        assert_eq!(others[0].next, LAYOUT.beside(0, 4), "back by the free way");
    }
}
