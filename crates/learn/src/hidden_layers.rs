//! Options of the networks that every algorithm with a network has: widths and activation of the hidden layers.

use serde::{Deserialize, Serialize};
use setpoint_decision::Diagnostic;
use setpoint_decision::section::{Range, Section};
use setpoint_nn::mlp::Activation;

/// Widths of the hidden layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetArch {
    /// Of the policy network.
    pub pi: Vec<usize>,
    /// Of the value network.
    pub vf: Vec<usize>,
}

/// A list of widths.
pub fn read_widths(section: &Section<'_>, key: &'static str) -> Result<Option<Vec<usize>>, Box<Diagnostic>> {
    let widths = section.integers(key, Range::between(1.0, 4096.0), "widths of hidden layers")?;
    Ok(widths.map(|widths| widths.into_iter().map(|width| width as usize).collect()))
}

/// `[64, 64]` for both networks, or `{ pi = [64, 64], vf = [64, 64] }` (`qf` for critics is the same as `vf`).
pub fn read_net_arch(section: &Section<'_>, default: &NetArch) -> Result<Option<NetArch>, Box<Diagnostic>> {
    if !section.is_table("net_arch") {
        return Ok(read_widths(section, "net_arch")?.map(|widths| NetArch { pi: widths.clone(), vf: widths }));
    }
    let table = section.table("net_arch")?;
    let net_arch = NetArch {
        pi: read_widths(&table, "pi")?.unwrap_or(default.pi.clone()),
        vf: match read_widths(&table, "vf")? {
            Some(widths) => widths,
            None => read_widths(&table, "qf")?.unwrap_or(default.vf.clone()),
        },
    };
    table.finish()?;
    Ok(Some(net_arch))
}

/// `activation_fn`.
pub fn read_activation(section: &Section<'_>) -> Result<Option<Activation>, Box<Diagnostic>> {
    let functions = [("tanh", Activation::Tanh), ("relu", Activation::Relu)];
    section.one_of("activation_fn", &functions, "activation of hidden layers")
}
