//! Data from plants: logs of decisions, read, audited and cut into episodes. No learning.
//!
//! * [`log`] – decisions, episode by episode; what everything else takes
//! * [`mod@read`] – a CSV or Parquet file becomes a log in one pass; start here. [`table`] (delimiter, decimal
//!   comma), [`encoding`], [`time`] – its pieces
//! * [`mapping`] – which column is what, and a proposal where the project does not say
//! * [`audit`] – what is wrong with a log: one finding a fault, with its column, first line and what to do

pub mod audit;
pub mod encoding;
pub mod error;
pub mod log;
pub mod mapping;
pub mod read;
pub mod table;
pub mod time;
#[cfg(feature = "parquet")]
mod time_as_text;

pub use error::LogError;
pub use log::{Log, LoggedEpisode};
pub use read::{Reading, read};
