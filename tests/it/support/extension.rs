//! The extension for `sqlite3`, built, and loaded into the program.

use std::env::{self, consts};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The file that `sqlite3` loads. It is built where the tests are, once, in a folder of its own: it takes the
/// SQLite of the program that loads it, and no build has two.
pub fn extension() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("extension");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("extension/Cargo.toml");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--locked", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .env_remove("CARGO_BUILD_TARGET")
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target.join("debug").join(format!("{}tintype{}", consts::DLL_PREFIX, consts::DLL_SUFFIX))
    })
}

/// Runs statements on a store with the extension loaded, after commands of the program itself.
pub fn ask_after(commands: &[&str], store: &Path, sql: &str) -> Output {
    let load = format!(".load {}", extension().display());
    Command::new("sqlite3")
        .arg("-bail")
        .args(commands.iter().chain([&&*load]).flat_map(|command| ["-cmd", *command]))
        .arg(store)
        .arg(sql)
        .output()
        .unwrap_or_else(|error| panic!("sqlite3: {error}; `make test` installs it"))
}

/// Runs statements on a store with the extension loaded.
pub fn ask(store: &Path, sql: &str) -> Output {
    ask_after(&[], store, sql)
}

/// What statements print, which must end well.
pub fn told(store: &Path, sql: &str) -> String {
    let found = ask(store, sql);
    let err = String::from_utf8(found.stderr).unwrap();
    assert!(found.status.success() && err.is_empty(), "{sql}: {err}");
    String::from_utf8(found.stdout).unwrap()
}

/// What a statement fails with, which must not print anything else.
pub fn refused(store: &Path, sql: &str) -> String {
    let found = ask(store, sql);
    let out = String::from_utf8_lossy(&found.stdout);
    assert!(!found.status.success() && out.is_empty(), "{sql}: {:?} {out}", found.status);
    String::from_utf8(found.stderr).unwrap()
}
