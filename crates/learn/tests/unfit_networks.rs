//! Networks that do not fit an observation, memories where there are none, and features that cannot be hidden: each is refused
//! before a training, with its key and a remedy.

use setpoint_decision::Project;
use setpoint_learn::problem::Problem;

const POLE: &str = "[process]\nkind = \"cart-pole\"\n[reward]\nupright = 1.0\n";
const CAMERA: &str = "[process]\nkind = \"catch\"\n[reward]\ncaught = 1.0\n";
const HIDING: &str = "[process]\nkind = \"cart-pole\"\nhide = [\"cart_velocity\"]\n[reward]\nupright = 1.0\n";

#[test]
fn each_is_refused_with_its_key_and_a_remedy() {
    let cases: [(&str, &str, &[&str]); 17] = [
        (
            CAMERA,
            "[train]\nalgorithm = \"reinforce\"",
            &["reinforce reads features alone", "`camera`", "ppo"],
        ),
        (CAMERA, "[train]\nalgorithm = \"td3\"", &["td3 reads features alone", "use ppo"]),
        (CAMERA, "[train.ppo]\ncnn_filters = [8, 8]", &["cnn_filters", "cnn_kernels and cnn_strides"]),
        (
            CAMERA,
            "[train.ppo]\ncnn_filters = [8]\ncnn_kernels = [8, 4]\ncnn_strides = [1]",
            &["cnn_kernels has 2", "same number"],
        ),
        (
            CAMERA,
            "[train]\nalgorithm = \"dqn\"\n[train.dqn]\ncnn_filters = [8]\ncnn_kernels = [40]\ncnn_strides = [1]",
            &["layer 1", "40 × 40", "36 × 36", "cnn_kernels"],
        ),
        (CAMERA, "[train.ppo]\npoint_layers = []", &["point_layers", "[64, 128]"]),
        (CAMERA, "[train.ppo]\nfeatures_dim = 0", &["features_dim"]),
        (CAMERA, "[[scenario]]\nname = \"now\"\nset = { place = 1.0 }", &["set", "`camera`"]),
        (CAMERA, "[[disturbance]]\nkind = \"observation-delay\"\nsteps = 2", &["`camera`", "cannot be late"]),
        (CAMERA, "[[disturbance]]\nkind = \"noise\"\nsd = 0.1", &["has no features"]),
        (POLE, "[train.ppo]\nmemory = \"lstm\"", &["memory", "gru"]),
        (POLE, "[train.ppo]\nmemory_size = 8", &["memory_size", "memory = \"gru\""]),
        (POLE, "[train.ppo]\nmemory = \"gru\"\nmemory_steps = 7", &["memory_steps", "n_steps = 2048"]),
        (POLE, "[train]\nalgorithm = \"dqn\"\n[train.dqn]\nmemory = \"gru\"", &["memory", "[train.dqn]"]),
        (
            POLE,
            "[train.ppo]\ncritic_sees = [\"cart_velocity\"]",
            &["`cart_velocity`", "the policy sees too", "hide"],
        ),
        (HIDING, "[train.ppo]\ncritic_sees = [\"velocity\"]", &["`velocity`", "cart_velocity"]),
        (
            HIDING,
            "[[constraint]]\nwhen = { feature = \"cart_velocity\", above = 1.0 }\nforbid = [\"push_left\"]",
            &["no feature `cart_velocity`"],
        ),
    ];
    for (process, more, expected) in cases {
        let text = format!("{process}{more}\n");
        let project = Project::from_text("setpoint.toml", &text, &[]);
        let problem = project.and_then(|project| Problem::new(project, &setpoint_processes::registry()));
        let refused = problem.err().unwrap_or_else(|| panic!("{more} is accepted")).to_string();
        for words in expected {
            assert!(refused.contains(words), "{more}: no `{words}` in {refused}");
        }
    }
}

#[test]
fn a_feature_is_hidden_once_and_one_stays() {
    let hide = |names: &str| {
        let text = format!("[process]\nkind = \"cart-pole\"\nhide = {names}\n[reward]\nupright = 1.0\n");
        let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
        Problem::new(project, &setpoint_processes::registry()).map_err(|error| error.to_string())
    };
    let hidden = hide("[\"pole_angle\"]").unwrap();
    let spec = hidden.spec();
    assert_eq!((spec.observation.len(), spec.hidden.len(), spec.heuristics.len()), (3, 1, 0));
    let refused = |names: &str| hide(names).err().unwrap_or_else(|| panic!("{names} is accepted"));
    assert!(refused("[\"pole_angel\"]").contains("did you mean `pole_angle`"));
    assert!(refused("[\"pole_angle\", \"pole_angle\"]").contains("hidden twice"));
    let all = "[\"cart_position\", \"cart_velocity\", \"pole_angle\", \"pole_angular_velocity\"]";
    assert!(refused(all).contains("at least one feature"));
}
