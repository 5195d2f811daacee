//! No decider allocates in steady state: the allocator itself counts.
//!
//! Each thread counts its own allocations: the test harness allocates on its own thread at any time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use setpoint_decision::Project;
use setpoint_evidence::Decision;
use setpoint_evidence::deciders::baseline;
use setpoint_guard::constrained::Constrained;
use setpoint_guard::decider::{ActionBuffer, Decider, States};
use setpoint_guard::policy_decider::PolicyDecider;
use setpoint_random::Stream;

mod sample;
use sample::policy;

struct Counting;
thread_local! {
    // Without a destructor and set up at compile time: reading it allocates nothing itself.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call passes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's guarantee is the guarantee that the system allocator needs.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the system allocator above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LANES: usize = 8;
const CONSTRAINED: &str = "[process]\nkind = \"assembly-line\"\n[reward]\nwip = -1.0\n\
    [[constraint]]\nwhen = { signal = \"speed\", above = 0.6 }\nforbid = [\"increase_speed\"]\n";
const CONTINUOUS: &str = "[process]\nkind = \"pendulum\"\n[reward]\ncost = -1.0\n\
    [[constraint]]\nwhen = { feature = \"angle_cosine\", above = 0.0 }\nclip = { action = \"torque\", high = 1.0 }\n";

/// Decides in all lanes, then in fewer, then in all again, as lanes end and begin.
fn assert_no_allocation(name: &str, decision: &Decision, decider: &mut dyn Decider) {
    let spec = decision.spec();
    let lanes: Vec<usize> = (0..LANES).collect();
    let observations: Vec<f32> =
        (0..LANES).flat_map(|_| spec.observation.iter().map(|f| f.reference)).collect();
    let signals = vec![0.0; LANES * spec.signals.len()];
    let mut actions = ActionBuffer::new(&spec.action, LANES);
    let mut decide = |rows: usize| {
        let states = States {
            lanes: &lanes[LANES - rows..],
            observations: &observations[..rows * spec.observation.len()],
            tensors: &[],
            signals: &signals[..rows * spec.signals.len()],
            allowed: &[],
            processes: None,
        };
        lanes.iter().for_each(|lane| decider.begin(*lane));
        actions.clear(rows);
        decider.decide(&states, &mut actions);
        assert!(!actions.declined.contains(&true));
    };
    decide(LANES);
    let before = ALLOCATIONS.get();
    assert_ne!(before, 0, "the allocator counts");
    for round in 0..100 {
        decide(1 + (round * 5) % LANES);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "{name}");
}

#[test]
fn a_decision_allocates_nothing() {
    for text in [CONSTRAINED, CONTINUOUS] {
        let registry = setpoint_processes::registry();
        let project = Project::from_text("test", text, &[]).unwrap();
        let decision = Decision::open(project, &registry, &mut |_| {}).unwrap();
        let shared = Arc::new(policy(&decision));
        let guard = |decider: Box<dyn Decider>| {
            Constrained::new(decider, decision.constraints(), &decision.spec().action, LANES)
        };
        let stream = Stream::new(1, "test", 0);
        let mut deterministic = guard(Box::new(PolicyDecider::deterministic(Arc::clone(&shared), LANES)));
        let mut stochastic = guard(Box::new(PolicyDecider::stochastic(shared, LANES, stream)));
        let mut random = guard(baseline("random", &decision, 3, LANES).unwrap().unwrap());
        assert_no_allocation("most probable action", &decision, &mut deterministic);
        assert_no_allocation("drawn action", &decision, &mut stochastic);
        assert_no_allocation("uniform random", &decision, &mut random);
        let mut heuristic = guard(baseline("heuristic", &decision, 3, LANES).unwrap().unwrap());
        assert_no_allocation("heuristic", &decision, &mut heuristic);
    }
}
