//! The algorithms, each in a file or a folder, and the list of their recipes.
//!
//! To add an algorithm, write its file, add it here (a module and a recipe), and add a row to the law tests
//! (`tests/laws.rs`).

use crate::recipe::Recipe;

pub mod bandits;
pub mod bc;
pub mod ddpg;
pub mod dqn;
pub mod iql;
pub mod mpc;
pub mod ppo;
pub mod q_learning;
pub mod reinforce;
pub mod sac;
pub mod td3;

/// All recipes, in the order in which they are listed.
pub const RECIPES: &[Recipe] = &[
    ppo::RECIPE,
    dqn::RECIPE,
    sac::RECIPE,
    td3::RECIPE,
    ddpg::RECIPE,
    reinforce::RECIPE,
    q_learning::RECIPE,
    bc::RECIPE,
    iql::RECIPE,
    mpc::RECIPE,
    bandits::EPSILON_GREEDY,
    bandits::UCB1,
    bandits::LIN_UCB,
    bandits::THOMPSON,
];

#[cfg(test)]
mod tests {
    use setpoint_decision::Project;
    use setpoint_decision::tuning::Values;

    use super::*;

    #[test]
    fn every_option_that_is_written_out_is_explained() {
        for recipe in RECIPES {
            let options = recipe.describe_options();
            assert!(options.iter().all(|option| !option.meaning.is_empty()), "{}", recipe.name);
            for key in defaults(recipe).keys() {
                let explained = options.iter().any(|option| option.name == key);
                assert!(explained, "{} does not explain {key}", recipe.name);
            }
        }
        let ppo = ppo::RECIPE.describe_options();
        let find = |name| ppo.iter().find(|option| option.name == name).unwrap();
        assert_eq!(find("gamma").default, Some(toml::Value::Float(0.99)));
        assert_eq!(
            (find("gamma").expected.as_str(), find("gamma").meaning),
            ("a number from 0 to 1", "discount per step")
        );
        assert_eq!(find("target_kl").default, None);
    }

    /// Only a search would find a misspelt option.
    #[test]
    fn what_is_usually_searched_are_options_within_their_range() {
        for recipe in RECIPES {
            for range in (recipe.tuning)() {
                let ends: Vec<toml::Value> = match range.values {
                    Values::OneOf(values) => values,
                    Values::Between { low, high, .. } => vec![low.into(), high.into()],
                };
                for value in ends {
                    let text = format!(
                        "[process]\nkind = \"none\"\n[reward]\nnone = 1\n[train.{0}]\n{1} = {value}",
                        recipe.name, range.option
                    );
                    let project = Project::from_text("searched", &text, &[]).unwrap();
                    recipe.options(&project).unwrap_or_else(|error| panic!("{error}"));
                }
            }
        }
    }

    /// As of Stable-Baselines3 2.9 (`stable_baselines3/{ppo,dqn,ddpg,td3,sac}`), for its users. PPO's 8 environments are
    /// the one difference: in that library the number follows from the given environment, and a single environment is slow.
    #[test]
    fn defaults_are_stable_baselines3s() {
        const PPO: &str = "n_steps = 2048\nbatch_size = 64\nn_epochs = 10\nlearning_rate = 3e-4\ngamma = 0.99\n\
            gae_lambda = 0.95\nclip_range = 0.2\nnormalize_advantage = true\nent_coef = 0.0\nvf_coef = 0.5\n\
            max_grad_norm = 0.5\nnet_arch = { pi = [64, 64], vf = [64, 64] }\nactivation_fn = \"tanh\"\n\
            ortho_init = true\nlog_std_init = 0.0\nadam_epsilon = 1e-5";
        const DQN: &str = "learning_rate = 1e-4\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 32\n\
            tau = 1.0\ngamma = 0.99\ntrain_freq = 4\ngradient_steps = 1\ntarget_update_interval = 10_000\n\
            exploration_fraction = 0.1\nexploration_initial_eps = 1.0\nexploration_final_eps = 0.05\n\
            max_grad_norm = 10.0\nnet_arch = [64, 64]\nactivation_fn = \"relu\"\nn_steps = 1";
        const SAC: &str = "learning_rate = 3e-4\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 256\n\
            tau = 0.005\ngamma = 0.99\ntrain_freq = 1\ngradient_steps = 1\nent_coef = \"auto_1\"\n\
            target_update_interval = 1\nnet_arch = { pi = [256, 256], vf = [256, 256] }\nactivation_fn = \"relu\"";
        const DDPG: &str = "learning_rate = 1e-3\nbuffer_size = 1_000_000\nlearning_starts = 100\nbatch_size = 256\n\
            tau = 0.005\ngamma = 0.99\ntrain_freq = 1\ngradient_steps = 1\naction_noise = \"none\"\n\
            net_arch = { pi = [400, 300], vf = [400, 300] }\nactivation_fn = \"relu\"";
        let td3 = format!("{DDPG}\npolicy_delay = 2\ntarget_policy_noise = 0.2\ntarget_noise_clip = 0.5");
        for (recipe, expected) in [
            (ppo::RECIPE, PPO),
            (dqn::RECIPE, DQN),
            (sac::RECIPE, SAC),
            (ddpg::RECIPE, DDPG),
            (td3::RECIPE, &td3),
        ] {
            let (name, defaults) = (recipe.name, defaults(&recipe));
            for (key, value) in expected.parse::<toml::Table>().unwrap() {
                assert_eq!(defaults.get(&key), Some(&value), "{name}.{key}");
            }
        }
    }

    fn defaults(recipe: &Recipe) -> toml::Table {
        recipe.options(&Project::of_kind("none")).unwrap().written()
    }
}
