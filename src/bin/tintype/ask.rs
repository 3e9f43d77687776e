//! What can't be undone is asked for.

use std::io::{self, IsTerminal, Write};

use crate::out::{Failure, Out};

/// Asks on a terminal whether it is meant; elsewhere the option `--yes` has to be there. `warning` says
/// what would be done and can't be undone.
pub fn agreed(question: &str, warning: &str, out: &Out) -> Result<bool, Failure> {
    if out.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(format!(
            "{warning}; say that it is meant with --yes, or see how many they are with --dry-run"
        )));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    out.stop.waiting(|| io::stdin().read_line(&mut answer))?;
    let is_meant = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !is_meant {
        out.note("nothing was changed");
    }
    Ok(is_meant)
}
