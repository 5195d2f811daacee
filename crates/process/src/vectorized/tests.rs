//! A batch gives the same results on any number of threads.

use setpoint_decision::spec::{ActionSpace, Aggregate, Choice, Feature, Signal};

use super::*;

/// A walk between two walls: three choices, of which those through a wall are masked. Chance moves it too, and ends some episodes.
#[derive(Clone, Serialize, Deserialize)]
struct Walk {
    place: i32,
    path: Vec<i32>,
}

const WALL: i32 = 4;

impl Walk {
    fn show(&self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        observation.copy_from_slice(&[self.place as f32, random.unit()]);
        signals[0] = self.path.len() as f32;
    }
}

impl Process for Walk {
    fn spec(&self) -> Spec {
        let feature = |name: &str| Feature {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            low: -4.0,
            high: 4.0,
            scale: 1.0,
            offset: 0.0,
            reference: 0.0,
        };
        let choice = |name: &str| Choice { name: name.into(), description: String::new() };
        Spec {
            observation: vec![feature("place"), feature("noise")],
            action: ActionSpace::one_of(vec![choice("left"), choice("stay"), choice("right")]),
            signals: vec![Signal {
                name: "moves".into(),
                unit: "1".into(),
                description: String::new(),
                low: 0.0,
                high: 100.0,
                aggregate: Aggregate::Mean,
            }],
            max_steps: Some(19),
            masked: true,
            ..Spec::default()
        }
    }

    fn reset(&mut self, random: &mut Stream, observation: &mut [f32], signals: &mut [f32]) {
        self.place = random.below(5) as i32 - 2;
        self.path.clear();
        self.show(random, observation, signals);
    }

    fn step(
        &mut self,
        action: Action<'_>,
        random: &mut Stream,
        observation: &mut [f32],
        signals: &mut [f32],
    ) -> Outcome {
        self.place = (self.place + action.choice() as i32 - 1).clamp(-WALL, WALL);
        self.path.push(self.place);
        self.show(random, observation, signals);
        if random.below(25) == 0 { Outcome::Terminated } else { Outcome::Running }
    }

    fn mask(&self, allowed: &mut [bool]) {
        allowed.copy_from_slice(&[self.place > -WALL, true, self.place < WALL]);
    }

    fn schedule(&self) -> Vec<Bar> {
        let bar = |place: &i32| Bar { row: place.to_string(), label: String::new(), start: 0.0, end: 1.0 };
        self.path.iter().map(bar).collect()
    }
}

/// Everything that a batch of so many lanes shows in 120 steps, and what it saves after them; some steps leave lanes out.
fn shown(threads: Threads, lanes: usize) -> (Vec<Transition>, Vec<Vec<Bar>>, Vec<u8>) {
    let walk = Walk { place: 0, path: Vec::new() };
    let mut batch = Vectorized::new(&walk, &walk.spec(), lanes, 8, "walks");
    batch.threads = threads;
    batch.keep_schedules();
    let mut shown = Vec::new();
    for step in 0..120 {
        let choices: Vec<u32> = (0..lanes).map(|lane| ((lane * 7 + step * step) % 3) as u32).collect();
        let steps: Vec<bool> = (0..lanes).map(|lane| (lane + step) % 5 != 0).collect();
        let some = step % 4 == 3;
        batch.step_where(Actions::of_choices(&choices), if some { &steps } else { &[] }).unwrap();
        shown.push(batch.transition().clone());
    }
    let schedules = (0..lanes).map(|lane| batch.schedule(lane).to_vec()).collect();
    (shown, schedules, batch.save().unwrap())
}

#[test]
fn any_number_of_threads_gives_the_same_steps_ends_masks_and_schedules() {
    for lanes in [2, 37, 80] {
        let alone = shown(Threads::one(), lanes);
        let outcomes = || alone.0.iter().flat_map(|transition| &transition.outcomes);
        assert!(outcomes().any(|outcome| *outcome == Outcome::Terminated));
        assert!(outcomes().any(|outcome| *outcome == Outcome::Truncated));
        assert!(alone.0.iter().any(|transition| transition.allowed.contains(&false)));
        assert!(alone.1.iter().all(|schedule| !schedule.is_empty()));
        for count in [1, 2, 5] {
            assert!(shown(Threads::always(count), lanes) == alone, "{count} threads, {lanes} lanes");
            assert!(shown(Threads::new(count, lanes), lanes) == alone, "{count} threads by choice");
        }
    }
}

#[test]
#[should_panic(expected = "no such choice")]
fn a_panic_in_a_lane_reaches_the_caller_from_every_thread() {
    let walk = Walk { place: 0, path: Vec::new() };
    let mut batch = Vectorized::new(&walk, &walk.spec(), 40, 8, "walks");
    batch.threads = Threads::always(3);
    let whole = Chunk::whole(batch.widths, &mut batch.lanes, &mut batch.transition, &mut batch.schedules);
    batch.threads.plan(40);
    batch.threads.share(whole, 40, |_| panic!("no such choice"));
}
