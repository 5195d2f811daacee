//! The baselines: the two customary rules for where to go next (de Koster, Le-Duc & Roodbergen 2007, "Design and control of
//! warehouse order picking").

use super::features::View;
use super::layout::{Cell, DEPOT, DIRECTIONS};
use super::routing::{Passing, step_towards};
use setpoint_process::Heuristic;
use setpoint_process::State;

/// The choice that stays where it is.
pub const WAIT: usize = DIRECTIONS.len();

/// Always the open item with the shortest walk; the depot when all are picked.
pub fn nearest_item_first(view: View) -> Heuristic {
    Heuristic::new(
        "nearest-item-first",
        "walks to the open item that is nearest, waits or passes where another picker is in the way",
        move |state: &State<'_>, action: &mut [f32]| {
            let goal = view.open(state.observation).next().unwrap_or(DEPOT);
            action[0] = choose(view, state, goal) as f32;
        },
    )
}

/// Traversal routing: aisles from west to east, each that holds an item walked through from end to end; the last one is
/// left the shorter way. Back to the depot when all are picked.
pub fn s_shape(view: View) -> Heuristic {
    Heuristic::new(
        "s-shape",
        "walks through every aisle that holds an open item from end to end, west to east; waits or passes where another \
         picker is in the way",
        move |state: &State<'_>, action: &mut [f32]| {
            let goal = s_shape_goal(view, state.observation);
            action[0] = choose(view, state, goal) as f32;
        },
    )
}

fn s_shape_goal(view: View, observation: &[f32]) -> Cell {
    let View { layout, .. } = view;
    let picker = view.picker(observation);
    let items = || view.open(observation);
    let Some(west) = items().map(|item| item.x).min() else { return DEPOT };
    if layout.is_between_racks(picker) && items().any(|item| item.x != picker.x) {
        // Not the last aisle: on to its end, whatever lies behind.
        let is_northbound = view.heading(observation).y > 0;
        let end = if is_northbound { layout.back_lane() } else { layout.front_lane() };
        return Cell { x: picker.x, y: end };
    }
    // Of the next aisle, the item that comes first from the side on which the picker stands.
    let column = items().filter(|item| item.x == west);
    column.min_by_key(|item| (item.y - picker.y).abs()).unwrap_or(DEPOT)
}

/// Towards the goal if the way is free and the constraints allow it, else waiting.
fn choose(view: View, state: &State<'_>, goal: Cell) -> usize {
    let free = |cell| view.is_free(state.observation, cell);
    let picker = view.picker(state.observation);
    let step = step_towards(view.layout, picker, goal, Passing::OnEitherSide, free).unwrap_or(WAIT);
    state.first_allowed(&[step, WAIT])
}
