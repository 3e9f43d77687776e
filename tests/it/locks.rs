//! Locks that others hold, locks that there are none of, and files that can't be opened any more.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::shell::{Output, Shell, TINTYPE};

fn held(shell: &Shell, sql: &str) -> rusqlite::Connection {
    let other = shell.store();
    other.execute_batch(sql).unwrap();
    other
}

#[test]
fn a_store_that_another_program_writes_to_is_read_and_says_that_it_is_locked() {
    let shell = Shell::new();
    shell.file("a.txt", "a");
    shell.put("a.txt");
    let other = held(&shell, "BEGIN EXCLUSIVE");
    assert_eq!(shell.done("get latest"), "a");
    shell.run("put a.txt --busy-timeout 0.2").failed(11, "is locked by another process");
    shell.run("tag latest x --busy-timeout 0.2 --json").failed_as_json(11, "locked");
    drop(other);
    shell.put("a.txt");
    shell.done("verify --read-data");
}

#[test]
fn a_store_that_another_program_has_for_itself_says_that_it_is_locked() {
    let shell = Shell::new();
    shell.file("a.txt", "a");
    shell.put("a.txt");
    let other = held(
        &shell,
        "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE store SET id = id; COMMIT",
    );
    for line in
        ["get latest", "put a.txt", "list", "verify", "stats", "repair", "export latest -o b.db"]
    {
        let told = shell.run(&format!("{line} --busy-timeout 0.2"));
        told.failed(11, "is locked by another process");
    }
    drop(other);
    assert!(!shell.path("b.db").exists());
    shell.put("a.txt");
    shell.done("verify --read-data");
}

/// What takes the place of the functions that lock, on a file system that has none.
const NO_LOCKS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
static int locks(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK
        || command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
}
#define AS(name) \
    int name(int file, int command, ...) { \
        static int (*real)(int, int, ...); \
        va_list rest; \
        va_start(rest, command); \
        void *argument = va_arg(rest, void *); \
        va_end(rest); \
        if (locks(command)) { errno = ENOLCK; return -1; } \
        if (!real) real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name); \
        return real(file, command, argument); \
    }
AS(fcntl)
AS(fcntl64)
int flock(int file, int how) { errno = ENOLCK; return -1; }
"#;

/// A library to be loaded before others.
fn without_locks() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let (source, library) = (folder.path().join("locks.c"), folder.path().join("locks.so"));
    fs::write(&source, NO_LOCKS).unwrap();
    let mut cc = Command::new("cc");
    let made = cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl").output();
    let made = made.unwrap_or_else(|error| {
        panic!("cc: {error}; install a C compiler, say with apt install gcc libc6-dev")
    });
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (folder, library)
}

#[test]
fn a_file_system_without_locks_is_told_and_nothing_is_written() {
    let (_kept, library) = without_locks();
    let shell = Shell::new();
    shell.file("a.txt", "a");
    shell.put("a.txt");
    let files = || {
        let names = fs::read_dir(shell.path(".")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = names.map(|name| (fs::read(&name).unwrap(), name)).collect();
        files.sort();
        files
    };
    let before = files();
    let lines = ["put a.txt", "get latest", "verify", "repair", "init --store new.db", "list"];
    for line in lines {
        let mut command = shell.command();
        command.env("LD_PRELOAD", &library).args(line.split_whitespace());
        let ended = command.args(["--busy-timeout", "0.1"]).output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{line}: {told}");
        assert!(told.contains("gives no locks") && told.contains(".db"), "{line}: {told}");
        assert!(ended.stdout.is_empty());
        assert!(files() == before, "{line}");
    }
    shell.put("a.txt");
}

#[test]
fn a_process_that_can_open_no_more_files_says_so() {
    let shell = Shell::new();
    shell.file("a.txt", "a");
    shell.file("large.bin", vec![7; 9 << 20]);
    shell.put("a.txt");
    let (mut refused, mut done) = (0, 0);
    for line in ["put a.txt", "get oldest", "put large.bin", "export oldest -o out.db", "verify"] {
        let mut well = false;
        for limit in 4..=40 {
            let script = format!("ulimit -n {limit}; exec {TINTYPE} {line}");
            let ended = Command::new("bash")
                .args(["-c", &script])
                .current_dir(shell.path("."))
                .output()
                .unwrap();
            let err = String::from_utf8(ended.stderr).unwrap();
            let ended = Output { code: ended.status.code().unwrap(), out: ended.stdout, err };
            match ended.code {
                0 => {
                    done += 1;
                    well = true;
                    let _ = fs::remove_file(shell.path("out.db"));
                }
                _ if ended.err.contains("error while loading shared libraries") => {}
                _ => {
                    assert!(!well, "{line} with {limit}: {}", ended.err);
                    ended.failed(1, "Too many open files");
                    refused += 1;
                }
            }
        }
        assert!(well, "{line}");
    }
    println!("{refused} were refused, {done} went well");
    assert!(refused > 10, "{refused}");
    shell.done("verify --read-data");
}
