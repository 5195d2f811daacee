//! The routes of pickers through the warehouse: one step towards a goal, around other pickers.

use super::layout::{Cell, DIRECTIONS, Layout};

/// Along a cross aisle first, into an aisle afterwards: of two shortest ways this one leaves the cross aisle later.
const BY_PREFERENCE: [usize; 4] = [2, 3, 0, 1];

/// The rule to pass others in a cross aisle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// By the right lane, so that two pickers who meet do not block each other again.
    OnTheRight,
    /// By either lane, the right lane first: for a picker that knows the next steps of the others.
    OnEitherSide,
}

/// The step (an index into [`DIRECTIONS`]) that brings a picker nearer to `goal` through a free cell. If the way along
/// a cross aisle is taken, it changes lanes if that lets it pass; elsewhere it waits (`None`).
pub fn step_towards(
    layout: Layout,
    from: Cell,
    goal: Cell,
    passing: Passing,
    free: impl Fn(Cell) -> bool,
) -> Option<usize> {
    let is_free = |cell| layout.is_floor(cell) && free(cell);
    let walk = layout.walk(from, goal);
    let nearer = BY_PREFERENCE.into_iter().find(|direction| {
        let cell = from.after(DIRECTIONS[*direction]);
        is_free(cell) && layout.walk(cell, goal) < walk
    });
    if nearer.is_some() || layout.is_between_racks(from) || goal.x == from.x {
        return nearer;
    }
    let onwards = Cell { x: (goal.x - from.x).signum(), y: 0 };
    // Eastwards, the right hand is in the south.
    let (right, left) = if onwards.x > 0 { (1, 0) } else { (0, 1) };
    let sides = [right, left];
    let sides = if passing == Passing::OnTheRight { &sides[..1] } else { &sides };
    sides.iter().copied().find(|direction| {
        let beside = from.after(DIRECTIONS[*direction]);
        !layout.is_between_racks(beside) && is_free(beside) && is_free(beside.after(onwards))
    })
}
