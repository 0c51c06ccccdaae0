//! A new module is two folders and a few lines: one is added to a copy of the tree, and what else it touched is counted.
use std::{path::Path, process::Command};

use kernel::testing::Folder;
use serde_json::{Value, json};

use crate::{
    actor,
    places::forgotten,
    tour::Apart,
    world::{OURS, roles},
};

const NAME: &str = "spices";

/// What `line` says, run in `folder`; it must succeed.
fn run(folder: &Path, line: &str) -> String {
    let done = Command::new("bash").args(["-euo", "pipefail", "-c", line]).current_dir(folder).output();
    let done = done.expect("bash runs");
    let [said, warned] = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(done.status.success(), "{line}: {said}{warned}");
    said
}

/// A copy of the tree as it is now, in a repository of its own; files keep their times, so that little is built again.
fn copy(home: &Path) {
    std::fs::remove_dir_all(home).ok();
    std::fs::create_dir_all(home).expect("a folder for the copy");
    let (files, to) = ("git ls-files -z --cached --others --exclude-standard", home.display());
    run(Path::new(env!("CARGO_MANIFEST_DIR")), &format!("{files} | xargs -0 cp -p --parents -t '{to}'"));
    run(home, "git init -q && git add -A && git -c user.name=copy -c user.email=copy@example.com commit -qm copy");
}

/// Builds the copy, and runs the new module's tests and the contract's; its binary.
///
/// It shares what others wrote with our own build. A version of its own keeps the rest apart.
fn build(home: &Path, target: &Path) -> String {
    run(home, r#"sed -i 's/^version = ".*"$/version = "0.0.0-copy"/' Cargo.toml"#);
    let shared = format!("CARGO_BUILD_BUILD_DIR='{}' CARGO_TARGET_DIR=target INSTA_UPDATE=no", target.display());
    run(home, &format!("{shared} cargo test --quiet -p {NAME} --lib -p stoa --test contract 2>&1"));
    home.join("target/debug/stoa").display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_module_is_two_folders_and_its_lines() {
    let target = Path::new(OURS).parent().and_then(Path::parent).expect("target/PROFILE/stoa");
    let home = target.join("template");
    copy(&home);
    run(&home, &format!(".template/lay-out {NAME}"));
    assert_eq!(
        run(&home, "git status --porcelain").lines().collect::<Vec<_>>(),
        [
            " M Cargo.toml",
            " M src/app.rs",
            " M src/config.toml",
            &format!("?? migrations/{NAME}/"),
            &format!("?? modules/{NAME}/")
        ]
    );
    assert_eq!(run(&home, "git diff --numstat"), "2\t0\tCargo.toml\n1\t0\tsrc/app.rs\n4\t0\tsrc/config.toml\n");

    let binary = tokio::task::block_in_place(|| build(&home, target));
    let names = |binary: &str| kernel::testing::roles(binary).iter().map(|role| role.name).collect::<Vec<_>>();
    assert_eq!(names(&binary), [names(OURS), vec![NAME]].concat());
    assert_eq!(forgotten(&run(&home, &format!("{binary} failpoints"))), [""; 0], "the matrix needs no row for it");
    let described: Value = serde_json::from_str(&run(&home, &format!("{binary} openapi"))).unwrap();
    assert!(described["paths"][format!("/v1/{NAME}")]["post"].is_object());
    let shop = Apart::start(&binary).await;
    let url = format!("{}/v1/{NAME}", shop.base);
    let page = actor::client().get(&url).send().await.unwrap();
    assert_eq!(page.json::<Value>().await.unwrap(), json!({"items": [], "next": null}));
    let refused = actor::client().post(&url).json(&json!({"text": "Saffron"})).send().await.unwrap();
    assert_eq!(refused.status(), 401, "a note is for staff to make");
}

#[test]
fn a_name_that_cannot_be_a_module_is_refused() {
    let home = Folder::new();
    copy(&home.0);
    let known = roles().iter().map(|role| role.name);
    for name in known.chain(["fn", "Spices", "1st", "gift_cards", "axum", "database", "peers", "role", "all", "std"]) {
        let refused = Command::new(home.0.join(".template/lay-out")).arg(name).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.starts_with(&format!("`{name}` cannot be a module: ")), "{said}");
    }
    assert_eq!(run(&home.0, "git status --porcelain"), "");
}
