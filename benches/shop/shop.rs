//! The shop under load: real processes of the release binary, with 10,000 products.
use std::{
    io::Write,
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use kernel::{
    Db, Executor,
    testing::{Folder, postgres, until},
};

use crate::load::Connection;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Topology {
    Together,
    Apart,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Products in the catalogue.
const PRODUCTS: usize = 10_000;
/// The one that is looked at and ordered.
pub(crate) const PRODUCT: (&str, &str) = ("/v1/products/product-5000", "SKU-5000");
const STOA: &str = env!("CARGO_BIN_EXE_stoa");

pub(crate) struct Shop {
    pub(crate) address: String,
    children: Vec<Child>,
    _folder: Folder,
}

impl Shop {
    pub(crate) async fn open(topology: Topology, engine: Engine) -> Self {
        let folder = Folder::new();
        let known = kernel::testing::roles(STOA);
        let roles: Vec<_> = if matches!(topology, Topology::Apart) {
            known.iter().map(|role| role.name).collect()
        } else {
            vec!["all"]
        };
        let ports: Vec<u16> = roles.iter().map(|_| port()).collect();
        let address = format!("127.0.0.1:{}", port());
        let mut environment = vec![
            ("STOA_DATA_DIR".to_owned(), folder.0.display().to_string()),
            ("STOA_LISTEN__PUBLIC".to_owned(), address.clone()),
            ("STOA_LOG__FILTER".to_owned(), "error".to_owned()),
            ("STOA_PRODUCTS__DEMO".to_owned(), "false".to_owned()),
        ];
        if matches!(engine, Engine::Postgres) {
            environment.push(("STOA_DATABASE__URL".to_owned(), postgres().await));
        }
        let stoa = |role: &str| {
            let mut command = Command::new(STOA);
            command.env_clear().envs(environment.iter().cloned()).env("ROLE", role).current_dir(&folder.0);
            command
        };
        let mut import = stoa("products")
            .args(["import", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        import.stdin.take().expect("it is piped").write_all(catalogue().as_bytes()).expect("it reads");
        assert!(import.wait().expect("it ends").success());
        if let Some((_, url)) = environment.iter().find(|(name, _)| name == "STOA_DATABASE__URL") {
            // The tests' server has no autovacuum, which would have counted the rows by now.
            let db = Db::postgres(url, "products", 1).await.expect("the database");
            db.query("ANALYZE").execute().await.expect("statistics");
            db.close().await;
        }
        let called = |name: &str| known.iter().any(|role| role.name == name && !role.edge);
        let peers = roles.iter().zip(&ports).filter(|(role, _)| called(role));
        let peers: Vec<_> = peers
            .map(|(role, port)| (format!("STOA_PEERS__{}", role.to_uppercase()), format!("http://127.0.0.1:{port}")))
            .collect();
        let serve = |(role, port): (&&str, &u16)| {
            let mut command = stoa(role);
            command.envs(peers.iter().cloned()).env("STOA_LISTEN__INTERNAL", format!("127.0.0.1:{port}"));
            command.spawn().expect("the binary runs")
        };
        let children = roles.iter().zip(&ports).map(serve).collect();
        for port in &ports {
            let address = format!("127.0.0.1:{port}");
            until("it listens", async || std::net::TcpStream::connect(&address).is_ok()).await;
            Connection::open(&address).await.ask("GET /health/ready", "", "", 200).await;
        }
        Self { address, children, _folder: folder }
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// The body at `path`.
    pub(crate) async fn get(&self, path: &str) -> String {
        let answer = Connection::open(&self.address).await.ask(&format!("GET {path}"), "", "", 200).await;
        answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for child in &mut self.children {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// A product CSV as Shopify exports it.
fn catalogue() -> String {
    let mut csv = String::from(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Image Src\n",
    );
    for n in 1..=PRODUCTS {
        let (shelf, price) = (n % 20, 100 + n % 9_900);
        csv += &format!(
            "product-{n},Product {n},<p>The {n}th of many good things.</p>,Vendor {shelf},Shelf {shelf},\"good, thing\",true,Title,Default Title,SKU-{n},250,1000000,{}.{:02},https://images.example.com/{n}.jpg\n",
            price / 100,
            price % 100
        );
    }
    csv
}

fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
