//! Plays the simulator from the log's own first states, with the log's own actions or with a clone of its controller.

use setpoint_decision::spec::{ActionSpace, Spec};
use setpoint_guard::decider::{ActionBuffer, Decider, States};
use setpoint_guard::policy_decider::PolicyDecider;
use setpoint_log::log::Resolution;
use setpoint_log::{Log, LoggedEpisode};
use setpoint_policy::Policy;
use setpoint_process::process::Outcome;
use setpoint_process::reward::RewardFunction;
use setpoint_random::Stream;

use setpoint_evidence::Decision;
use setpoint_evidence::PlayError;
use setpoint_evidence::logs::ended;
use setpoint_evidence::player::{Observer, Player, Step};

/// The purpose of its random streams.
const PURPOSE: &str = "validation";
/// Environments that step together.
const LANES: usize = 256;

/// Plays one episode for every logged episode: with its actions, or with the actions of `clone`. The episode is shorter if
/// the simulator ends it earlier or does not allow the logged action. If the logged episode ended by itself, the clone's
/// episode may be as long as the longest episode. Ignores constraints, because the plant took these actions without them.
pub fn play(decision: &Decision, logged: &Log, clone: Option<&Policy>, seed: u64) -> Result<Log, PlayError> {
    let mut unguarded = decision.clone();
    unguarded.project.constraints.clear();
    let lanes = LANES.min(logged.episodes.len()).max(1);
    let mut player = Player::new(&unguarded, lanes, seed, PURPOSE)?;
    let mut cloned = clone
        .map(|policy| PolicyDecider::stochastic(policy, lanes, Stream::new(seed, "validation draws", 0)));
    let lengths = match &clone {
        None => logged.episodes.iter().map(|episode| episode.rows.len()).collect(),
        Some(_) => lengths_of(logged),
    };
    let mut simulated = Log::new(decision.spec());
    for (chunk, episodes) in logged.episodes.chunks(lanes).enumerate() {
        let first = chunk * lanes;
        for lane in 0..episodes.len() {
            player.begin(lane, Stream::new(seed, PURPOSE, (first + lane) as u64))?;
        }
        let lengths = &lengths[first..first + episodes.len()];
        let mut recorder = Recorder::new(decision, logged, episodes, lengths, clone.is_none());
        match &mut cloned {
            None => player.play(&mut Recorded::new(decision, logged, episodes), &mut recorder)?,
            Some(clone) => player.play(clone, &mut recorder)?,
        }
        for (own, ended) in recorder.played.iter().zip(recorder.ended) {
            let episode =
                LoggedEpisode { rows: 0..own.rows(), terminated: ended, ..LoggedEpisode::default() };
            simulated.append_episode(own, &episode);
        }
    }
    Ok(simulated)
}

/// Records the simulator's episode for each logged episode.
struct Recorder<'l> {
    logged: &'l Log,
    /// The logged episode of each lane.
    episodes: &'l [LoggedEpisode],
    /// Whether the simulator plays the logged actions instead of a clone's.
    is_recorded: bool,
    /// Greatest number of steps of each lane.
    lengths: &'l [usize],
    reward: RewardFunction,
    terms: Vec<f64>,
    played: Vec<Log>,
    /// Whether each lane's episode ended by itself; `None` if it reached its greatest number of steps.
    ended: Vec<Option<bool>>,
}

impl<'l> Recorder<'l> {
    fn new(
        decision: &Decision,
        logged: &'l Log,
        episodes: &'l [LoggedEpisode],
        lengths: &'l [usize],
        is_recorded: bool,
    ) -> Self {
        let reward = RewardFunction::new(&decision.project.reward, decision.spec());
        Self {
            logged,
            episodes,
            lengths,
            is_recorded,
            terms: vec![0.0; reward.names().len()],
            reward,
            played: episodes.iter().map(|_| Log::new(decision.spec())).collect(),
            ended: vec![None; episodes.len()],
        }
    }
}

impl Observer for Recorder<'_> {
    fn observe(&mut self, step: &Step<'_>) -> bool {
        let (lane, own) = (step.lane, &mut self.played[step.lane]);
        if self.is_recorded {
            // The action as it was logged: the simulator may have had to limit a setting.
            let row = self.episodes[lane].rows.start + own.rows();
            own.actions.extend_from_slice(self.logged.action(row));
        } else {
            own.actions.extend(step.action.row());
        }
        own.observations.extend_from_slice(step.state.observation);
        // The time limit comes from the end of the log, so it is no event.
        let outcome = match step.outcome {
            Outcome::Truncated => Outcome::Running,
            outcome => outcome,
        };
        own.signals.extend_from_slice(step.signals);
        own.rewards.push(self.reward.evaluate(step.signals, outcome, &mut self.terms));
        own.probabilities.push(f64::NAN);
        own.lines.push(0);
        if step.outcome.is_over() {
            self.ended[lane] = Some(outcome == Outcome::Terminated);
        }
        self.ended[lane].is_none() && own.rows() < self.lengths[lane]
    }

    fn declined(&mut self, lane: usize) {
        self.ended[lane] = Some(false);
    }
}

/// A recorded controller: each lane takes the actions of a logged episode in order. It declines if the episode has no more
/// actions, or if the process does not allow its choice.
struct Recorded<'l> {
    logged: &'l Log,
    episodes: &'l [LoggedEpisode],
    space: &'l ActionSpace,
    /// Decisions of each lane so far.
    taken: Vec<usize>,
}

impl<'l> Recorded<'l> {
    fn new(decision: &'l Decision, logged: &'l Log, episodes: &'l [LoggedEpisode]) -> Self {
        Self { logged, episodes, space: &decision.spec().action, taken: vec![0; episodes.len()] }
    }
}

impl Decider for Recorded<'_> {
    fn begin(&mut self, lane: usize) {
        self.taken[lane] = 0;
    }

    fn decide(&mut self, states: &States<'_>, actions: &mut ActionBuffer) {
        for (row, lane) in states.lanes.iter().enumerate() {
            let Some(logged) = self.episodes[*lane].rows.clone().nth(self.taken[*lane]) else {
                actions.declined[row] = true;
                continue;
            };
            self.taken[*lane] += 1;
            let action = self.logged.action(logged);
            actions.set(row, action);
            let settings = actions.settings_mut(row).iter_mut().zip(&self.space.axes);
            settings.for_each(|(value, axis)| *value = value.clamp(axis.low, axis.high));
            let allowed = states.allowed(row);
            let is_possible = |place: usize| allowed.get(place).is_none_or(|allowed| *allowed);
            let is_possible = self.space.places(actions.choices(row)).all(is_possible);
            actions.declined[row] = !is_possible;
        }
    }
}

/// Greatest number of steps of a clone for each episode: the number of logged steps, or the number of the longest episode
/// if the logged episode ended by itself.
fn lengths_of(logged: &Log) -> Vec<usize> {
    let longest = logged.episodes.iter().map(|episode| episode.rows.len()).max().unwrap_or(0);
    let length = |(episode, ended): (&LoggedEpisode, bool)| if ended { longest } else { episode.rows.len() };
    logged.episodes.iter().zip(ended(logged)).map(length).collect()
}

/// The simulator's log with its numbers rounded as the plant's are: rounding alone changes a distribution.
pub fn rounded(simulated: &Log, resolution: &Resolution) -> Log {
    let mut rounded = simulated.clone();
    for row in rounded.observations.chunks_exact_mut(simulated.features.max(1)) {
        for (value, step) in row.iter_mut().zip(&resolution.features).filter(|(_, step)| **step > 0.0) {
            *value = ((f64::from(*value) / step).round() * step) as f32;
        }
    }
    rounded
}

/// Removes values from the simulator's log that the plant's log cannot have: a signal that is read from the next row is
/// missing if there is no next row.
pub fn forget_unknown(simulated: &mut Log, logged: &Log) {
    let width = simulated.signals_per_row;
    let last: Vec<usize> = simulated
        .episodes
        .iter()
        .filter(|episode| !episode.rows.is_empty())
        .map(|episode| episode.rows.end - 1)
        .collect();
    for signal in 0..simulated.signals_per_row {
        if misses_last_rows(logged, |row| logged.signals(row)[signal].is_finite()) {
            last.iter().for_each(|row| simulated.signals[row * width + signal] = f32::NAN);
        }
    }
    if misses_last_rows(logged, |row| logged.rewards[row].is_finite()) {
        last.iter().for_each(|row| simulated.rewards[*row] = f64::NAN);
    }
}

/// Whether a column has values in the log, but in no last row of an episode.
fn misses_last_rows(log: &Log, known: impl Fn(usize) -> bool) -> bool {
    log.episodes.iter().all(|episode| !known(episode.rows.end - 1))
        && log.episodes.iter().any(|episode| known(episode.rows.start))
}

/// Columns of a regression for an action: a choice is one of several flags (the last choice has no flag), a setting its
/// position between the axis' bounds, in [−1, 1], and the square of that.
pub fn design(spec: &Spec, action: &[f32], row: &mut Vec<f64>) {
    let (choices, settings) = action.split_at(spec.action.groups.len());
    for (chosen, group) in choices.iter().zip(&spec.action.groups) {
        let flags = 0..group.choices.len() - 1;
        row.extend(flags.map(|choice| f64::from(u8::from(*chosen as usize == choice))));
    }
    for (value, axis) in settings.iter().zip(&spec.action.axes) {
        let place = 2.0 * f64::from((value - axis.low) / (axis.high - axis.low)) - 1.0;
        row.extend([place, place * place]);
    }
}
