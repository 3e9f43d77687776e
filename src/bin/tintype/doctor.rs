//! `doctor`: whether this machine gives what is needed, and what to do where it does not.

use clap::Args;
#[cfg(feature = "chrome")]
use clap::ValueHint;
use serde_json::json;
use tintype::ops::doctor::{self, Finding, State};

use crate::args::Global;
use crate::out::{Done, GREEN, Out, RED, Run, YELLOW, plain};

#[derive(Args)]
#[command(after_help = "\
A store is made beside yours, and in it a snapshot, to see that both can be; a browser is started and
captures a page. Nothing of that stays.

Exit codes: 0 all works, though some of it may be worth a look; 1 something does not work.

Examples:
  tintype doctor
  tintype doctor --store /mnt/share/pages.db --no-browser
  tintype doctor --json")]
pub struct Doctor {
    /// The browser
    #[cfg(feature = "chrome")]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath, conflicts_with = "no_browser")]
    pub browser: Option<std::path::PathBuf>,
    /// Look for no browser: pages are not captured here
    #[arg(long)]
    pub no_browser: bool,
}

pub fn doctor(global: &Global, args: &Doctor, out: &Out) -> Run {
    let mut worst = State::Ok;
    let mut tell = |finding: Finding| {
        worst = worst.max(finding.state);
        match out.json {
            true => out.object(json!(finding)),
            false => print(&finding, out),
        }
    };
    let _working = out.stop.working();
    doctor::examine(global.store(), global.busy_timeout).into_iter().try_for_each(&mut tell)?;
    if !args.no_browser {
        #[cfg(feature = "chrome")]
        browser::examine(args.browser.as_deref(), out, &mut tell)?;
        #[cfg(not(feature = "chrome"))]
        tell(Finding::warn(
            "browser",
            "this tintype was built without",
            "build it with the feature `chrome` to capture pages",
        ))?;
    }
    Ok(if worst == State::Fail { Done::Failed } else { Done::Ok })
}

fn print(finding: &Finding, out: &Out) -> Result<(), crate::out::Failure> {
    let (color, word) = match finding.state {
        State::Ok => (GREEN, "ok"),
        State::Warn => (YELLOW, "warn"),
        State::Fail => (RED, "fail"),
    };
    let word = out.paint(color, &format!("{word:<5}"));
    out.line(format!("{word} {:<16} {}", finding.check, plain(&finding.detail)))?;
    match &finding.advice {
        Some(advice) => out.line(format!("{:<22} {}", "", plain(advice))),
        None => Ok(()),
    }
}

#[cfg(feature = "chrome")]
mod browser {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use tintype::capture::Page;
    use tintype::capture::address::AddressPolicy;
    use tintype::capture::chrome::{Browser, BrowserOptions, PageOptions};
    use tintype::model::time::Stopwatch;
    use tintype::ops::doctor::Finding;
    use tintype::{ArtifactStatus, CaptureConfig, Draft, Error, Recorder, Repository};

    use crate::capture::closed_by_signal;
    use crate::out::{Failure, Out};

    /// What is captured to see that it can be.
    const PAGE: &str = "<!doctype html><title>tintype</title><h1>It works</h1>";
    /// How long that may take on a busy machine.
    const TIME_BOX: Duration = Duration::from_secs(30);

    /// Starts a browser and captures a page with it.
    pub fn examine(
        given: Option<&Path>,
        out: &Out,
        tell: &mut impl FnMut(Finding) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let path = match Browser::find(given) {
            Ok(path) => path,
            Err(error) => {
                let advice = "install Chromium (Debian: apt-get install chromium), or name one with \
                              --browser PATH or CHROME; where no pages are captured: --no-browser";
                return tell(Finding::fail("browser", error.to_string(), advice));
            }
        };
        tell(Finding::ok("browser", path.display().to_string()))?;
        let options = BrowserOptions { executable: Some(path), ..BrowserOptions::default() };
        let watch = Stopwatch::start();
        let (browser, _hooked) = match closed_by_signal(|| Browser::launch(options), &out.stop) {
            Ok(started) => started,
            Err(error) => {
                let advice = "start it by hand to see what it says; give it its sandbox, memory and \
                              a folder for temporary files";
                return tell(Finding::fail("start", error.to_string(), advice));
            }
        };
        tell(Finding::ok("start", format!("{} ms", watch.elapsed().as_millis())))?;
        let captured = capture(&browser);
        out.stop.check();
        match captured {
            Ok(found) => found.into_iter().try_for_each(tell),
            Err(error) => tell(Finding::fail(
                "capture",
                error.to_string(),
                "see what the browser is told with: tintype doctor --verbose --verbose",
            )),
        }
    }

    /// What a capture of a page of our own came to.
    fn capture(browser: &Browser) -> tintype::Result<Vec<Finding>> {
        let page = Trial(std::env::temp_dir().join(format!("tintype-{}.html", std::process::id())));
        fs::write(&page.0, PAGE).map_err(|source| Error::io(&page.0, source))?;
        let address = format!("file://{}", page.0.display());
        let addresses = AddressPolicy { allow_file: true, ..AddressPolicy::default() };
        let options = PageOptions { addresses, ..PageOptions::default() };
        let mut opened = browser.open_with(&address, &options)?;
        let facts = opened.facts();
        let mut found = vec![Finding::ok("version", facts.browser.unwrap_or_default())];
        found.push(match facts.sandboxed {
            Some(false) => Finding::warn(
                "sandbox",
                "the browser runs without it",
                "run as another user than root, or let the kernel give user namespaces",
            ),
            Some(true) => Finding::ok("sandbox", "it is on"),
            None => Finding::ok("sandbox", "the browser does not tell"),
        });
        let mut config = CaptureConfig::default();
        config.time_box = TIME_BOX;
        let repo = Repository::temporary()?;
        let draft = Recorder::new(&repo).draft(&mut opened, Draft::new(), &config)?;
        let (mut taken, mut failed) = (Vec::new(), Vec::new());
        for part in draft.artifacts() {
            match (part.status(), part.reason()) {
                (ArtifactStatus::Stored, _) => taken.push(part.name().as_str()),
                (ArtifactStatus::Failed, Some(why)) => {
                    failed.push(format!("{}: {why}", part.name()))
                }
                _ => {}
            }
        }
        found.push(Finding::ok("taken", taken.join(", ")));
        if !failed.is_empty() {
            let advice = "use a newer browser; what can't be taken is named in each capture";
            found.push(Finding::warn("not taken", failed.join("; "), advice));
        }
        Ok(found)
    }

    /// A file that is tried, gone with this value.
    struct Trial(PathBuf);

    impl Drop for Trial {
        fn drop(&mut self) {
            // It may not have been made.
            let _ = fs::remove_file(&self.0);
        }
    }
}
