//! The floor of a single-block warehouse: the cells of the floor, and the distances between them.
//!
//! Parallel picking aisles, 1 m wide, run from the front (south) to the back (north); racks 1 m deep stand on both sides,
//! so that aisles are 3 m apart. A cross aisle of two lanes runs along the front and another along the back. Cells are
//! 1 m × 1 m; `x` counts eastwards, `y` northwards, from the depot in the south-west corner.

use serde::{Deserialize, Serialize};

/// One square metre.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Metres east of the depot.
    pub x: i32,
    /// Metres north of the depot.
    pub y: i32,
}

/// Metres east and north of one step each way, in the order of the choices: north, south, east, west.
pub const DIRECTIONS: [Cell; 4] =
    [Cell { x: 0, y: 1 }, Cell { x: 0, y: -1 }, Cell { x: 1, y: 0 }, Cell { x: -1, y: 0 }];

/// The start and the end of every order.
pub const DEPOT: Cell = Cell { x: 0, y: 0 };

/// Metres from one aisle to the next.
const PITCH: i32 = 3;
/// Lanes of a cross aisle.
const LANES: i32 = 2;

impl Cell {
    /// The cell one step of `direction` away.
    pub fn after(self, direction: Cell) -> Self {
        Self { x: self.x + direction.x, y: self.y + direction.y }
    }

    /// Grid distance in metres, without obstacles.
    pub fn rectilinear(self, other: Self) -> i32 {
        (self.x - other.x).abs() + (self.y - other.y).abs()
    }
}

/// Part of the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Front,
    Aisles,
    Back,
}

/// The size of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Picking aisles.
    pub aisles: i32,
    /// Metres of shelf along each side of an aisle: one location per metre and side.
    pub rows: i32,
}

impl Layout {
    /// Greatest `x`.
    pub fn east(self) -> i32 {
        PITCH * (self.aisles - 1)
    }

    /// Greatest `y`.
    pub fn north(self) -> i32 {
        self.rows + 2 * LANES - 1
    }

    /// `y` of the lane of the front cross aisle that the picking aisles open to.
    pub fn front_lane(self) -> i32 {
        LANES - 1
    }

    /// `y` of the lane of the back cross aisle that the picking aisles open to.
    pub fn back_lane(self) -> i32 {
        self.rows + LANES
    }

    /// The cell next to the `row`-th location (from 0, in the south) of an aisle (from 0, in the west).
    pub fn beside(self, aisle: i32, row: i32) -> Cell {
        Cell { x: PITCH * aisle, y: LANES + row }
    }

    /// The aisle, from 0 in the west, in whose column a cell lies.
    pub fn aisle_of(self, cell: Cell) -> Option<i32> {
        (cell.x % PITCH == 0).then_some(cell.x / PITCH)
    }

    /// Whether a cell lies between racks rather than in a cross aisle.
    pub fn is_between_racks(self, cell: Cell) -> bool {
        self.zone(cell) == Zone::Aisles
    }

    fn zone(self, cell: Cell) -> Zone {
        if cell.y <= self.front_lane() {
            Zone::Front
        } else if cell.y >= self.back_lane() {
            Zone::Back
        } else {
            Zone::Aisles
        }
    }

    /// Whether a cell is floor, not a rack or a wall.
    pub fn is_floor(self, cell: Cell) -> bool {
        (0..=self.east()).contains(&cell.x)
            && (0..=self.north()).contains(&cell.y)
            && (cell.x % PITCH == 0 || !self.is_between_racks(cell))
    }

    /// A length, m, that no shortest walk exceeds.
    pub fn longest_walk(self) -> i32 {
        self.east() + self.north() + PITCH
    }

    /// The shortest walk between two cells of the floor, m. In closed form, so that a state needs no table.
    pub fn walk(self, from: Cell, to: Cell) -> i32 {
        let straight = from.rectilinear(to);
        if from.x == to.x && from.x % PITCH == 0 {
            return straight;
        }
        match (self.zone(from), self.zone(to)) {
            // Two aisles: by the front or by the back.
            (Zone::Aisles, Zone::Aisles) => {
                let by_front = from.y + to.y - 2 * self.front_lane();
                let by_back = 2 * self.back_lane() - from.y - to.y;
                (from.x - to.x).abs() + by_front.min(by_back)
            }
            // From one cross aisle to the other through an aisle on the way, or the nearest aisle outside of it.
            (Zone::Front, Zone::Back) | (Zone::Back, Zone::Front) => {
                let (west, east) = (from.x.min(to.x), from.x.max(to.x));
                let before = west / PITCH * PITCH;
                let is_on_the_way = before == west || before + PITCH <= east;
                let detour = (west - before).min(before + PITCH - east);
                straight + if is_on_the_way { 0 } else { 2 * detour }
            }
            _ => straight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn floor_of(layout: Layout) -> Vec<Cell> {
        let all = (0..=layout.north()).flat_map(|y| (0..=layout.east()).map(move |x| Cell { x, y }));
        all.filter(|cell| layout.is_floor(*cell)).collect()
    }

    /// Against breadth-first search, from every cell to every cell.
    #[test]
    fn walks_are_shortest_paths() {
        for (aisles, rows) in [(2, 2), (3, 4), (4, 1), (5, 7)] {
            let layout = Layout { aisles, rows };
            for from in floor_of(layout) {
                let mut queue = VecDeque::from([(from, 0)]);
                let mut reached = vec![(from, 0)];
                while let Some((cell, walked)) = queue.pop_front() {
                    for next in DIRECTIONS.map(|direction| cell.after(direction)) {
                        if layout.is_floor(next) && !reached.iter().any(|(known, _)| *known == next) {
                            reached.push((next, walked + 1));
                            queue.push_back((next, walked + 1));
                        }
                    }
                }
                assert_eq!(reached.len(), floor_of(layout).len(), "every cell can be reached");
                for (to, walked) in reached {
                    assert_eq!(layout.walk(from, to), walked, "{layout:?}: {from:?} to {to:?}");
                    assert!(walked <= layout.longest_walk());
                }
            }
        }
    }

    #[test]
    fn the_floor_of_a_small_block() {
        let layout = Layout { aisles: 3, rows: 4 };
        assert_eq!((layout.east(), layout.north()), (6, 7));
        // Two cross aisles of 2 × 7 cells, three aisles of 4.
        assert_eq!(floor_of(layout).len(), 2 * 14 + 3 * 4);
        assert!(layout.is_floor(Cell { x: 3, y: 2 }) && !layout.is_floor(Cell { x: 4, y: 2 }));
        assert_eq!(layout.beside(2, 3), Cell { x: 6, y: 5 });
    }
}
