//! A process that outlives us by a moment: it kills a browser whose starter was killed, and removes
//! its folder.
//!
//! It waits for a word on its input. When this process ends, however it ends, the input ends
//! without the word. It is a shell, in a group of its own, so that what ends our group does not end
//! it. Where there is none, the next start sweeps (see `home`).

use std::path::Path;
use std::process::Child;

/// A process that waits for the end of this one. Dropped, it goes without doing anything.
pub(super) struct Reaper(Child);

/// The word by which it learns that there is nothing to do.
#[cfg(unix)]
const DONE: &[u8] = b"done\n";

/// What it does. Helper processes of the browser end by themselves, and may write into the folder
/// until then, and make it anew where it is gone. `owner` goes last, so that what is left here is
/// found by the next start.
#[cfg(unix)]
const SCRIPT: &str = r#"read -r word
[ "$word" = done ] && exit 0
kill -KILL "$1"
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    rm -rf -- "$2/profile" "$2/tmp" "$2/crashes"
    sleep 0.1 || sleep 1
done
rm -rf -- "$2""#;

impl Reaper {
    /// Starts one for a process and its folder; nothing where that can't be done.
    #[cfg(unix)]
    pub fn watch(process: u32, folder: &Path) -> Option<Self> {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};
        let started = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "tintype-reaper", &process.to_string()])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        started.map(Reaper).inspect_err(|why| log::debug!("browser: no reaper: {why}")).ok()
    }

    /// There is none here.
    #[cfg(not(unix))]
    pub fn watch(_: u32, _: &Path) -> Option<Self> {
        None
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use std::io::Write;
            if let Some(mut input) = self.0.stdin.take() {
                let _ = input.write_all(DONE);
            }
        }
        let _ = self.0.wait();
    }
}
