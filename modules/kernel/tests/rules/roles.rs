//! A configuration that cannot work stops the start with one sentence that names the setting.
use kernel::{Host, testing::Folder};

use crate::{
    probe::Probe,
    sample::{BackModule, FrontModule},
    world::{KNOWN, SECRET, config, process},
};

/// Why a process with these settings does not start.
async fn refusal(settings: &str) -> String {
    let folder = Folder::new();
    let outcome = async {
        let mut host = Host::new(config(&folder.0, settings), &KNOWN)?;
        let back = host.module::<BackModule>(Probe::new()).await?;
        host.module::<FrontModule>(back).await.map(drop)
    };
    outcome.await.expect_err("it starts").to_string()
}

#[tokio::test]
async fn a_broken_setting_is_named_in_one_sentence() {
    let secret = format!("service_secret = {SECRET:?}");
    for (settings, named, also) in [
        ("role = \"bakc\"", "`role`", "`bakc`"),
        ("role = \"back,,frnt\"", "`role`", "`frnt`"),
        ("role = \"\"", "`role`", "edge, back, front"),
        ("role = \"front\"\npeers.back = \"ftp://x\"", "`peers.back`", "http://"),
        ("role = \"front\"\npeers.back = \"x:8081\"", "`peers.back`", "http://"),
        ("role = \"front\"\npeer_template = \"\"", "`peers.back`", "http://"),
        ("mode = \"production\"\nrole = \"front\"", "`service_secret`", "must be set"),
        ("mode = \"production\"\nrole = \"front\"\nservice_secret = \"short\"", "`service_secret`", "32"),
        ("mode = \"production\"\nservice_secret = \"short\"", "`service_secret`", "32"),
        ("mode = \"test\"", "mode", "production"),
        ("currency = \"EURO\"", "currency", "EURO"),
        ("data_dir = \"/dev/null/x\"", "`data_dir`", "/dev/null/x"),
        ("database.url = \"mysql://x\"", "`database.url`", "postgres://"),
        ("database.url = \"postgres://stoa@127.0.0.1:1/x\"", "`database.url`", "cannot use"),
        ("database.url = \"postgres://stoa@127.0.0.1:1,127.0.0.1:2/x\"", "`database.url`", "none of its servers"),
        ("database.url = \"postgres://stoa@db,/x\"", "`database.url`", "comma"),
        ("database.readers = \"many\"", "readers", "many"),
        ("bulkhead.running = 0", "`bulkhead.running`", "at least 1"),
        ("database.connections = 0", "`database.connections`", "at least 1"),
        ("database.readers = 0", "`database.readers`", "at least 1"),
    ] {
        let sentence = refusal(settings).await;
        assert!(sentence.contains(named) && sentence.contains(also), "{settings}: {sentence}");
        assert!(!sentence.contains('\n') && sentence.len() < 250, "{settings}: {sentence}");
        assert!(!sentence.contains(SECRET) && !secret.is_empty());
    }
}

#[tokio::test]
async fn what_can_work_starts() {
    for settings in [
        "role = \"back, front\"",
        "role = \"front\"",
        "peers.of_a_later_release = \"http://x:1\"",
        "role = \"edge\"\npeer_template = \"http://{name}.shop.svc:8081\"",
        "mode = \"production\"",
        &format!("mode = \"production\"\nrole = \"front\"\nservice_secret = {SECRET:?}"),
    ] {
        let folder = Folder::new();
        let mut host = process(&folder.0, settings);
        let back = host.module::<BackModule>(Probe::new()).await.unwrap_or_else(|error| panic!("{settings}: {error}"));
        host.module::<FrontModule>(back).await.unwrap_or_else(|error| panic!("{settings}: {error}"));
    }
}

/// Start order cannot deadlock: nobody asks a peer for anything before the first call.
#[tokio::test]
async fn a_process_starts_without_its_peers() {
    let folder = Folder::new();
    let mut host = process(&folder.0, "role = \"front\"\npeers.back = \"http://127.0.0.1:1\"");
    let back = host.module::<BackModule>(Probe::new()).await.unwrap();
    let front = host.module::<FrontModule>(back).await.unwrap();
    assert_eq!(front.ping().await, Ok(()));
}

#[tokio::test]
async fn processes_that_share_a_folder_share_a_secret_that_dev_mode_made_up() {
    let folder = Folder::new();
    let mut host = process(&folder.0, "role = \"back\"");
    host.module::<BackModule>(Probe::new()).await.unwrap();
    let base = crate::world::serve(host.take_internal()).await;
    let mut other = process(&folder.0, &format!("role = \"edge\"\npeers.back = {base:?}"));
    let back = other.module::<BackModule>(Probe::new()).await.unwrap();
    assert!(back.look(crate::sample::Plan::Look).await.is_ok());
}
