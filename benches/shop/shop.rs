//! The shop under load: real processes of the release binary, on a catalogue that was imported before.
use std::{
    io::Write,
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use kernel::testing::{Folder, Server, address, until};

use crate::{figures::Processes, load::Connection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topology {
    Together,
    Apart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(crate) const STOA: &str = env!("CARGO_BIN_EXE_stoa");

/// A database with products in it; a shop opens on it as often as one likes.
pub(crate) struct Stocked {
    environment: Vec<(String, String)>,
    folder: Folder,
    server: Option<Server>,
}

impl Stocked {
    /// Imports so many products, and says how many a second.
    pub(crate) async fn with(engine: Engine, products: u32) -> (Self, f64) {
        let folder = Folder::new();
        let mut environment = vec![
            ("STOA_DATA_DIR".to_owned(), folder.0.display().to_string()),
            ("STOA_LOG__FILTER".to_owned(), "error".to_owned()),
            ("STOA_PRODUCTS__DEMO".to_owned(), "false".to_owned()),
        ];
        let server = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let server = Server::durable().await;
                environment.push(("STOA_DATABASE__URL".to_owned(), address(&[&server.host])));
                Some(server)
            }
        };
        let stocked = Self { environment, folder, server };
        let begun = std::time::Instant::now();
        let mut import = stocked
            .stoa("products")
            .args(["import", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut input = import.stdin.take().expect("it is piped");
        catalogue(products, |rows| input.write_all(rows.as_bytes()).expect("it reads"));
        drop(input);
        assert!(import.wait().expect("it ends").success());
        (stocked, f64::from(products) / begun.elapsed().as_secs_f64())
    }

    fn stoa(&self, role: &str) -> Command {
        let mut command = Command::new(STOA);
        command.env_clear().envs(self.environment.iter().cloned()).env("ROLE", role).current_dir(&self.folder.0);
        command
    }

    /// Opens a shop on it.
    pub(crate) async fn open(&self, topology: Topology) -> Shop {
        let known = kernel::testing::roles(STOA);
        let roles: Vec<_> =
            if topology == Topology::Apart { known.iter().map(|role| role.name).collect() } else { vec!["all"] };
        let ports: Vec<u16> = roles.iter().map(|_| port()).collect();
        let address = format!("127.0.0.1:{}", port());
        let called = |name: &str| known.iter().any(|role| role.name == name && !role.edge);
        let peers = roles.iter().zip(&ports).filter(|(role, _)| called(role));
        let peers: Vec<_> = peers
            .map(|(role, port)| (format!("STOA_PEERS__{}", role.to_uppercase()), format!("http://127.0.0.1:{port}")))
            .collect();
        let serve = |(role, port): (&&str, &u16)| {
            let mut command = self.stoa(role);
            command.envs(peers.iter().cloned()).env("STOA_LISTEN__INTERNAL", format!("127.0.0.1:{port}"));
            command.env("STOA_LISTEN__PUBLIC", &address).spawn().expect("the binary runs")
        };
        let children = roles.iter().zip(&ports).map(serve).collect();
        let shop = Shop { address, children, database: self.server.as_ref().map(Server::pid) };
        for port in ports {
            let address = format!("127.0.0.1:{port}");
            until("it listens", async || std::net::TcpStream::connect(&address).is_ok()).await;
            Connection::open(&address).await.ask("GET /health/ready", "", "", 200).await;
        }
        shop
    }

    /// Starts it as one process until it says that it is ready, and ends it.
    pub(crate) async fn start(&self) {
        let port = port();
        let mut command = self.stoa("all");
        command.env("STOA_LISTEN__INTERNAL", format!("127.0.0.1:{port}")).env("STOA_LISTEN__PUBLIC", "127.0.0.1:0");
        let mut child = command.spawn().expect("the binary runs");
        let address = format!("127.0.0.1:{port}");
        while std::net::TcpStream::connect(&address).is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        Connection::open(&address).await.ask("GET /health/ready", "", "", 200).await;
        child.kill().ok();
        child.wait().ok();
    }
}

/// An open shop; closing it kills its processes.
pub(crate) struct Shop {
    pub(crate) address: String,
    children: Vec<Child>,
    database: Option<u32>,
}

impl Shop {
    pub(crate) fn processes(&self) -> Processes {
        Processes { servers: self.children.iter().map(Child::id).collect(), database: self.database }
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

/// A product CSV as Shopify exports it, in parts. Every thousandth product is an “amphora”.
fn catalogue(products: u32, mut part: impl FnMut(&str)) {
    part(
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Image Src\n",
    );
    for n in 1..=products {
        let (shelf, price) = (n % 20, 100 + n % 9_900);
        let name = if n % 1000 == 0 { "Amphora" } else { "Product" };
        part(&format!(
            "product-{n},{name} {n},<p>The {n}th of many good things.</p>,Vendor {shelf},Shelf {shelf},\"good, thing\",true,Title,Default Title,SKU-{n},250,1000000,{}.{:02},https://images.example.com/{n}.jpg\n",
            price / 100,
            price % 100
        ));
    }
}

pub(crate) fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
