//! The log of a run, read while it grows.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use setpoint_files::run_folder::RunFolder;
use setpoint_learn::metrics::MetricsLine;

/// The complete log lines of a run.
#[derive(Default)]
pub struct RunMetrics {
    path: PathBuf,
    bytes: u64,
    /// The incomplete text after the last complete line.
    rest: Vec<u8>,
    /// Environment steps and mean return of the last 100 episodes.
    pub returns: Vec<(u64, f64)>,
    /// The newest line.
    pub last: Option<MetricsLine>,
}

impl RunMetrics {
    pub fn new(folder: &RunFolder) -> Self {
        Self { path: folder.metrics(), ..Self::default() }
    }

    /// Reads the new lines. If the file became shorter (a resumed run cuts the updates that it repeats), reads it from its
    /// beginning. A file that does not exist yet counts as empty.
    pub fn read(&mut self) {
        let Ok(mut file) = File::open(&self.path) else { return };
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length < self.bytes {
            *self = Self { path: std::mem::take(&mut self.path), ..Self::default() };
        }
        if file.seek(SeekFrom::Start(self.bytes)).is_err() {
            return;
        }
        let mut new = Vec::new();
        let Ok(read) = file.read_to_end(&mut new) else { return };
        self.bytes += read as u64;
        self.rest.extend(new);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            if let Ok(line) = serde_json::from_slice(&line) {
                self.add(line);
            }
        }
    }

    fn add(&mut self, line: MetricsLine) {
        if let Some(value) = line.return_mean_100 {
            self.returns.push((line.steps, value));
        }
        self.last = Some(line);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(steps: u64) -> String {
        let line = MetricsLine { steps, return_mean_100: Some(steps as f64), ..MetricsLine::default() };
        serde_json::to_string(&line).unwrap()
    }

    #[test]
    fn a_log_is_read_as_it_grows_and_anew_when_it_is_cut() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::at(root.path());
        let mut metrics = RunMetrics::new(&folder);
        metrics.read();
        assert!(metrics.last.is_none(), "nothing is there yet");
        let (first, second) = (line(10), line(20));
        let mut file = File::create(folder.metrics()).unwrap();
        write!(file, "{first}\n{}", &second[..15]).unwrap();
        metrics.read();
        assert_eq!(metrics.returns, [(10, 10.0)], "half a line waits for its rest");
        writeln!(file, "{}", &second[15..]).unwrap();
        metrics.read();
        assert_eq!(metrics.returns, [(10, 10.0), (20, 20.0)]);
        std::fs::write(folder.metrics(), format!("{first}\n")).unwrap();
        metrics.read();
        assert_eq!((metrics.returns.as_slice(), metrics.last.unwrap().steps), ([(10, 10.0)].as_slice(), 10));
    }
}
