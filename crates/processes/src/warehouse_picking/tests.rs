use setpoint_decision::Project;

use super::*;
use setpoint_process::Heuristic;
use setpoint_process::State;
use setpoint_process::conformance::conformance;
use setpoint_process::vectorized::Actions;

const NORTH: usize = 0;
const EAST: usize = 2;

/// Three aisles of 4 m at x = 0, 3 and 6; cross aisles at y = 0, 1 and y = 6, 7.
fn warehouse(picker: (i32, i32), items: &[(i32, i32)], others: Vec<OtherPicker>) -> WarehousePicking {
    let cell = |(x, y): (i32, i32)| Cell { x, y };
    WarehousePicking {
        picking_steps: other_pickers::PICKING_STEPS,
        layout: Layout { aisles: 3, rows: 4 },
        items_per_order: items.len(),
        pickers: others.len(),
        max_steps: 100,
        picker: cell(picker),
        heading: Cell::default(),
        open: items.iter().copied().map(cell).collect(),
        others,
    }
}

/// A step and its signals.
fn step(warehouse: &mut WarehousePicking, choice: usize) -> [f32; 5] {
    let mut observation = vec![0.0; warehouse.view().features().len()];
    let mut signals = [0.0; 5];
    let mut random = Stream::new(1, "test", 0);
    warehouse.step(Action::of_choices(&[choice as u32]), &mut random, &mut observation, &mut signals);
    signals
}

/// Cells that a heuristic walks through until the order is complete.
fn route(warehouse: &mut WarehousePicking, heuristic: &Heuristic) -> Vec<Cell> {
    let mut observation = vec![0.0; warehouse.view().features().len()];
    let (mut signals, mut action) = ([0.0; 5], [0.0]);
    let mut random = Stream::new(1, "test", 0);
    warehouse.sort_items();
    warehouse.view().write(&warehouse.scene(), &mut observation);
    let mut route = Vec::new();
    while signals[ORDERS_COMPLETED] == 0.0 {
        (heuristic.decide)(
            &State { observation: &observation, signals: &signals, allowed: &[] },
            &mut action,
        );
        let choice = [action[0] as u32];
        warehouse.step(Action::of_choices(&choice), &mut random, &mut observation, &mut signals);
        assert_eq!(signals[WAITING], 0.0, "no picker is in the way");
        route.push(warehouse.picker);
        assert!(route.len() < 100, "{route:?}");
    }
    route
}

/// Items at the north of the first aisle, the south of the second, the middle of the third.
///
/// Nearest first: 4 m to (0, 4); by the front 3 + 3 + 1 to (3, 2); 1 + 3 + 2 to (6, 3); 3 + 6 home: 26 m. S-shape: 6 m
/// through the first aisle, 3 along the back, 5 down the second, 3 along the front, 2 into the last and 9 home: 28 m.
#[test]
fn routes_of_both_heuristics_by_hand() {
    let items = [(0, 4), (3, 2), (6, 3)];
    let mut floor = warehouse((0, 0), &items, vec![]);
    let view = floor.view();
    let nearest = route(&mut floor, &heuristics::nearest_item_first(view));
    assert_eq!(nearest.len(), 26);
    assert!(nearest.iter().all(|cell| cell.y < 6), "it never uses the back cross aisle");
    let s_shape = route(&mut warehouse((0, 0), &items, vec![]), &heuristics::s_shape(view));
    assert_eq!(s_shape.len(), 28);
    assert_eq!(s_shape[5], Cell { x: 0, y: 6 }, "leaves by the back");
    assert_eq!(s_shape[8], Cell { x: 3, y: 6 });
    // With the last item in the first aisle: in and out again, 2 × 4 m.
    assert_eq!(
        route(&mut warehouse((0, 0), &[(0, 4)], vec![]), &heuristics::s_shape(view_of_one())).len(),
        8
    );
}

fn view_of_one() -> View {
    View { layout: Layout { aisles: 3, rows: 4 }, items: 1, pickers: 0 }
}

#[test]
fn the_mask_allows_floor_and_waiting() {
    let mask = |picker| {
        let mut allowed = [false; 5];
        warehouse(picker, &[(3, 3)], vec![]).mask(&mut allowed);
        allowed
    };
    assert_eq!(mask((0, 0)), [true, false, true, false, true], "in the corner");
    assert_eq!(mask((3, 3)), [true, true, false, false, true], "between racks");
    assert_eq!(mask((4, 1)), [false, true, true, true, true], "before a rack");
    assert_eq!(mask((6, 7)), [false, true, false, true, true], "in the other corner");
}

#[test]
fn items_beside_the_picker_are_picked_and_orders_exchanged_at_the_depot() {
    let mut floor = warehouse((0, 3), &[(0, 2), (0, 2)], vec![]);
    let signals = step(&mut floor, 1);
    assert_eq!((signals[DISTANCE], signals[ITEMS_PICKED], signals[ORDERS_COMPLETED]), (1.0, 2.0, 0.0));
    assert!(floor.open.is_empty());
    step(&mut floor, 1);
    let signals = step(&mut floor, 1);
    assert_eq!((signals[ITEMS_PICKED], signals[ORDERS_COMPLETED]), (0.0, 1.0));
    assert_eq!(floor.open.len(), 2, "the next order");
    // A rack in the way, which the mask forbids: nothing but time passes.
    let mut floor = warehouse((3, 3), &[(0, 2)], vec![]);
    assert_eq!(step(&mut floor, EAST), [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(floor.picker, Cell { x: 3, y: 3 });
}

#[test]
fn collisions_with_who_stands_there_and_with_who_is_about_to() {
    let at = |x, y| Cell { x, y };
    // A picker in the next cell.
    let mut floor = warehouse((3, 2), &[(0, 2)], vec![OtherPicker::new(at(3, 3), at(3, 3))]);
    assert_eq!(step(&mut floor, NORTH), [0.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(floor.picker, at(3, 2));
    // A picker that announced the cell between them, and takes it.
    let mut coming = OtherPicker::new(at(3, 4), at(3, 2));
    coming.next = at(3, 3);
    let mut floor = warehouse((3, 2), &[(0, 2)], vec![coming]);
    assert_eq!(step(&mut floor, NORTH), [0.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!((floor.picker, floor.others[0].at), (at(3, 2), at(3, 3)));
    // Waiting is no collision: the other picker stops.
    assert_eq!(step(&mut floor, heuristics::WAIT), [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(floor.others[0].at, at(3, 3));
}

#[test]
fn orders_are_drawn_evenly_without_repetition() {
    let mut floor = warehouse((0, 0), &[(0, 2); 24], vec![]);
    let mut random = Stream::new(2, "orders", 0);
    floor.next_order(&mut random);
    // All 24 locations of 12 cells: each cell twice.
    assert!((0..12).all(|place| {
        let cell = floor.layout.beside(place / 4, place % 4);
        floor.open.iter().filter(|item| **item == cell).count() == 2
    }));
    floor.items_per_order = 5;
    let mut picked = [0_u32; 12];
    for _ in 0..12_000 {
        floor.next_order(&mut random);
        for place in 0..12 {
            let cell = floor.layout.beside(place / 4, place % 4);
            picked[place as usize] += floor.open.iter().filter(|item| **item == cell).count() as u32;
        }
    }
    // 5,000 each, with a standard deviation below √5000 = 71.
    assert!(picked.iter().all(|count| count.abs_diff(5_000) < 5 * 71), "{picked:?}");
}

fn factory(keys: &str) -> Arc<dyn Factory> {
    crate::registry().open(&project(keys), &mut |_| {}).unwrap()
}

fn project(keys: &str) -> Project {
    let text = format!("[process]\nkind = \"{KIND}\"\n{keys}\n[reward]\ndistance = -1.0\n");
    Project::from_text("test", &text, &[]).unwrap()
}

#[test]
fn every_level_and_extreme_conforms() {
    for keys in [
        "level = \"easy\"",
        "level = \"normal\"",
        "level = \"hard\"",
        "aisles = 2\nrows = 2\nitems = 1\npickers = 0",
        "aisles = 2\nrows = 2\nitems = 8\npickers = 10",
        "aisles = 20\nrows = 60\nitems = 40\npickers = 10",
    ] {
        let findings = conformance(factory(keys).as_ref(), 1_500);
        assert!(findings.iter().all(|finding| finding.passed), "{keys}: {findings:?}");
    }
    let parameters = factory("level = \"hard\"\nrows = 20").parameters();
    assert_eq!(parameters["level"].as_str(), Some("hard"));
    assert_eq!(
        ["aisles", "rows", "items", "pickers"].map(|key| parameters[key].as_integer().unwrap()),
        [8, 20, 15, 6]
    );
    for keys in ["level = \"nightmare\"", "aisles = 1", "pickers = 11", "aisles = 2\nrows = 2\nitems = 9"] {
        assert!(crate::registry().open(&project(keys), &mut |_| {}).is_err(), "{keys}");
    }
}

/// Sums over an episode of a heuristic: a metre per move, items and orders that match, no collision; and the
/// share of waiting, which would show two pickers that wait for each other.
#[test]
fn heuristics_never_collide_and_get_on_with_their_orders() {
    for (level, items, steps) in [("easy", 4.0, 300), ("normal", 8.0, 400), ("hard", 15.0, 800)] {
        let factory = factory(&format!("level = \"{level}\""));
        for heuristic in factory.heuristics() {
            const LANES: usize = 50;
            let mut batch = factory.batch(LANES, 5, "test").unwrap();
            let features = factory.spec().observation.len();
            let mut sums = [0.0_f32; 5];
            let mut choices = [0; LANES];
            for _ in 0..steps {
                let transition = batch.transition();
                for (lane, choice) in choices.iter_mut().enumerate() {
                    let observation = &transition.observations[lane * features..][..features];
                    let allowed = &transition.allowed[lane * 5..][..5];
                    let mut action = [0.0];
                    (heuristic.decide)(&State { observation, signals: &[], allowed }, &mut action);
                    *choice = action[0] as u32;
                }
                batch.step(Actions::of_choices(&choices)).unwrap();
                for signals in batch.transition().signals.chunks_exact(5) {
                    sums.iter_mut().zip(signals).for_each(|(sum, signal)| *sum += signal);
                }
            }
            let [distance, picked, collisions, orders, waiting] = sums;
            assert_eq!(collisions, 0.0);
            assert_eq!(distance + waiting, (steps * LANES) as f32, "a step is a metre or a wait");
            assert!(picked >= items * orders && picked <= items * (orders + LANES as f32));
            assert!(waiting < 0.25 * (steps * LANES) as f32, "{level}, {}: {sums:?}", heuristic.name);
        }
    }
}
