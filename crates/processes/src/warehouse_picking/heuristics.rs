//! The baselines: the two usual rules for the next goal (de Koster, Le-Duc & Roodbergen 2007, "Design and control of
//! warehouse order picking").

use super::features::View;
use super::layout::{Cell, DEPOT, DIRECTIONS};
use super::routing::{Passing, step_towards};
use setpoint_process::Heuristic;
use setpoint_process::State;

/// The choice to wait.
pub const WAIT: usize = DIRECTIONS.len();

/// Goes to the open item with the shortest walk, or to the depot after the last item.
pub fn nearest_item_first(view: View) -> Heuristic {
    Heuristic::new(
        "nearest-item-first",
        "walks to the nearest open item, waits or passes if another picker is in the way",
        move |state: &State<'_>, action: &mut [f32]| {
            let goal = view.open(state.observation).next().unwrap_or(DEPOT);
            action[0] = choose(view, state, goal) as f32;
        },
    )
}

/// Traversal routing: walks through every aisle with an open item from end to end, from west to east; leaves the last aisle
/// by the shorter way. Returns to the depot after the last item.
pub fn s_shape(view: View) -> Heuristic {
    Heuristic::new(
        "s-shape",
        "walks through every aisle with an open item from end to end, west to east; waits or passes if another \
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
        // Not the last aisle: continues to its end.
        let is_northbound = view.heading(observation).y > 0;
        let end = if is_northbound { layout.back_lane() } else { layout.front_lane() };
        return Cell { x: picker.x, y: end };
    }
    // In the next aisle, the first item from the picker's side.
    let column = items().filter(|item| item.x == west);
    column.min_by_key(|item| (item.y - picker.y).abs()).unwrap_or(DEPOT)
}

/// Steps towards the goal if the way is free and the constraints allow it, otherwise waits.
fn choose(view: View, state: &State<'_>, goal: Cell) -> usize {
    let free = |cell| view.is_free(state.observation, cell);
    let picker = view.picker(state.observation);
    let step = step_towards(view.layout, picker, goal, Passing::OnEitherSide, free).unwrap_or(WAIT);
    state.first_allowed(&[step, WAIT])
}
