//! The report in a real browser, wide and narrow, light and dark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `CHROMIUM`, or the usual names on the path; `None` where there is no browser.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named.into_iter().chain(["chromium", "chromium-browser", "google-chrome"].map(PathBuf::from)).find(
        |program| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok()
        },
    )
}

/// The page's DOM after loading, and what the console said.
fn open(browser: &Path, page: &Path, width: u32, dark: bool) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
        .arg(format!("--window-size={width},1200"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let console = String::from_utf8_lossy(&output.stderr);
    let console = console.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (String::from_utf8_lossy(&output.stdout).into_owned(), console)
}

#[test]
fn the_report_opens_without_complaint_and_fits_a_phone() {
    let root = tempfile::tempdir().unwrap();
    let Some(browser) = browser() else {
        println!("skipped: no chromium on the path");
        return;
    };
    let projects = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../projects");
    for (name, extra) in
        [("assembly-line", "train.total_steps=10000"), ("assembly-line-reinforce", "train.total_episodes=60")]
    {
        let run = root.path().join(name);
        let hostile = "decision.controls=\"<script>console.error('hostile')</script> & <b>bold</b>\"";
        let status = Command::new(env!("CARGO_BIN_EXE_setpoint"))
            .arg("run")
            .arg(projects.join(name))
            .args(["--set", extra, "--set", hostile, "--set", "evaluate.episodes=20", "--run-dir"])
            .arg(&run)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(matches!(status.code(), Some(0 | 1)), "{name}: {status}");
        // A copy that reports its width; an inner frame is as narrow as a phone, whatever the least width of the window is.
        let page = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(
            !page.contains("http://") && !page.contains("https://"),
            "the report asks the network for nothing"
        );
        let frame = root.path().join(format!("{name}.html"));
        let probe = "<script>addEventListener('load', () => { const page = \
                     document.documentElement; const fits = page.scrollWidth <= page.clientWidth; \
                     parent.postMessage(fits ? 'fits' : 'too wide', '*') })</script></body>";
        std::fs::write(root.path().join(format!("{name}-inner.html")), page.replace("</body>", probe))
            .unwrap();
        let outer = format!(
            "<!DOCTYPE html><title>-</title><iframe src=\"{name}-inner.html\" width=\"390\" height=\"900\" \
             style=\"border:0\"></iframe><script>addEventListener('message', event => document.title = event.data)</script>"
        );
        std::fs::write(&frame, outer).unwrap();
        for dark in [false, true] {
            let (dom, console) = open(&browser, &run.join("report.html"), 1200, dark);
            assert_eq!(console, "", "{name}");
            assert!(dom.contains("reward per step") && dom.contains("class=\"headline\""), "{name}");
            assert!(dom.contains("<svg") && dom.contains("How this result was obtained"), "{name}");
            assert_eq!(dom.contains("<h2>Weights</h2>"), name.ends_with("reinforce"));
        }
        if name == "assembly-line" {
            // The first lines hold every requirement; the gate's baseline, listed last, stands next to the policy.
            let page = std::fs::read_to_string(run.join("report.html")).unwrap();
            let header = page.split_once("</header>").unwrap().0;
            for requirement in
                ["required lift: at least", "failures: ", "safety: failure_prob", "safety: micro_stops"]
            {
                assert!(header.contains(requirement), "{header}");
            }
            let places =
                ["policy</th>", "heuristic</th>", "random</th>"].map(|name| page.find(name).unwrap());
            assert!(places.is_sorted(), "{places:?}");
        }
        let (dom, console) = open(&browser, &frame, 1200, false);
        assert_eq!(console, "", "{name}");
        assert!(
            dom.contains("<title>fits</title>"),
            "{name} scrolls sideways: {}",
            &dom[..dom.len().min(600)]
        );
    }
}
