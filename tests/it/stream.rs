//! The command on content larger than what is held in memory.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

use crate::support::noise;
use crate::support::shell::{Shell, TINTYPE};

fn child(shell: &Shell, line: &str) -> Child {
    shell
        .command()
        .args(line.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn large_files_go_in_and_come_out_whole() {
    let shell = Shell::new();
    let content = noise(20, 18 << 20);
    shell.file("large.bin", &content);
    shell.file("small.txt", "small");
    let versions = shell.put("large.bin small.txt large.bin");
    assert_eq!(versions.len(), 3);
    assert!(shell.run(&format!("get {}", versions[0])).out == content);
    shell.done(&format!("get {} -o out.bin", versions[2]));
    assert!(shell.read("out.bin") == content);
    let piped = shell.run_with(&["put", "-", "--name", "piped"], &content);
    assert_eq!(piped.code, 0, "{}", piped.err);
    assert!(shell.run("get latest --artifact piped").out == content);
    let both = shell.put("large.bin small.txt --together");
    shell.done(&format!("get {} -o folder/", both[0]));
    assert!(shell.read("folder/large.bin") == content);
    let shown = shell.done("show latest");
    assert!(shown.contains("pieces, depth 0"), "{shown}");
    assert_eq!(shell.json("stats")[0]["snapshots"], 5);
    shell.done("verify --read-data");
}

#[test]
fn damage_halfway_ends_with_13_and_leaves_no_half_file() {
    let shell = Shell::new();
    let content = noise(21, 12 << 20);
    shell.file("large.bin", &content);
    shell.file("out.bin", "as it was");
    shell.put("large.bin");
    shell
        .store()
        .execute_batch(
            "UPDATE blob SET data = zeroblob(length(data))
             WHERE id = (SELECT piece_id FROM piece WHERE number = 3)",
        )
        .unwrap();
    let told = shell.run("get latest -o out.bin");
    assert_eq!(told.code, 13, "{}", told.err);
    assert!(told.err.contains("artifact data"), "{}", told.err);
    assert_eq!(shell.read("out.bin"), b"as it was");
    assert_eq!(shell.run("get latest -o new.bin").code, 13);
    let left: Vec<_> = fs::read_dir(shell.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("bin"))
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let out = shell.run("get latest");
    assert_eq!(out.code, 13);
    assert!(!out.out.is_empty() && content.starts_with(&out.out));
}

#[test]
fn killed_while_a_stream_comes_in_nothing_of_it_is_seen() {
    let shell = Shell::new();
    let content = noise(22, 40 << 20);
    for _ in 0..2 {
        let mut put = child(&shell, "put -");
        let mut input = put.stdin.take().unwrap();
        input.write_all(&content).unwrap();
        // Its end has not come, so it is not stored.
        put.kill().unwrap();
        drop(input);
        assert_eq!(put.wait_with_output().unwrap().stdout, b"");
        assert!(shell.json("list").is_empty());
        shell.done("verify --read-data");
    }
    assert!(fs::metadata(shell.path("tintype.db")).unwrap().len() > 16 << 20);
    assert_eq!(shell.run_with(&["put", "-"], &content).code, 0);
    assert!(shell.run("get latest").out == content);
    let loose: i64 =
        shell.store().query_row("SELECT count(*) FROM loose", [], |row| row.get(0)).unwrap();
    assert_eq!(loose, 0);
}

#[test]
fn two_processes_that_bring_the_same_content_at_once_both_store_it() {
    let shell = Shell::new();
    let content = noise(23, 24 << 20);
    shell.file("large.bin", &content);
    let puts: Vec<_> = (0..2).map(|_| child(&shell, "put large.bin")).collect();
    for put in puts {
        let ended = put.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{told}");
        let version = String::from_utf8(ended.stdout).unwrap();
        assert!(shell.run(&format!("get {}", version.trim_end())).out == content);
    }
    let stats = &shell.json("stats")[0];
    assert_eq!(stats["unique_bytes"], content.len());
    shell.done("verify --read-data");
}

#[test]
fn a_disk_that_fills_up_while_a_stream_comes_in_leaves_the_store_as_it_was() {
    let shell = Shell::new();
    shell.file("large.bin", noise(24, 40 << 20));
    shell.file("small.txt", "small");
    shell.put("small.txt");
    let script = format!("trap '' XFSZ; ulimit -f 20000; exec {} put large.bin", TINTYPE);
    let put = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(shell.path("."))
        .output()
        .unwrap();
    assert!(!put.status.success());
    assert_eq!(put.stdout, b"");
    assert_eq!(shell.json("list").len(), 1);
    shell.done("verify --read-data");
    shell.put("large.bin");
    shell.done("verify --read-data");
}

/// The most memory that a process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak_bytes(process: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_stream_takes_in_memory_does_not_grow_with_it() {
    const MORE: u64 = 64 << 20;
    let shell = Shell::new();
    let mut put = child(&shell, "put -");
    let mut input = put.stdin.take().unwrap();
    input.write_all(&noise(25, 1 << 20)).unwrap();
    let before = peak_bytes(&put);
    for part in 0..12 {
        input.write_all(&noise(26 + part, 10 << 20)).unwrap();
    }
    let peak = peak_bytes(&put);
    assert!(peak < before + MORE, "put: {before}, then {peak}");
    drop(input);
    assert!(put.wait_with_output().unwrap().status.success());

    let mut get = child(&shell, "get latest");
    let mut output = get.stdout.take().unwrap();
    let mut read = vec![0; 100 << 20];
    output.read_exact(&mut read).unwrap();
    let peak = peak_bytes(&get);
    assert!(peak < before + MORE, "get: {before}, then {peak}");
    output.read_to_end(&mut read).unwrap();
    assert_eq!(read.len(), 121 << 20);
    assert!(get.wait().unwrap().success());
}
