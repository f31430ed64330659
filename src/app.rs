//! The one place that wires the parts of a process, starts them in order and stops them in the opposite one: intake
//! first, then what works on data, then the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use collector::{Collector, Scraper};
use query::{Derived, Notifier, NotifierConfig, Query, RouteTable, Rules, RulesConfig};
use store::Store;
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, Listen, ListenProtocol, ServeFlags};
use crate::demo;
use crate::host::Process;
use crate::reload::{Reload, receivers, redaction_key};
use crate::scrape;
use crate::serve::{
    Answerer, ConnectionLimits, Dispatch, Door, Gate, SyslogDoor, accept_loop, bind, serve_tcp, serve_udp,
};
use crate::tasks;

#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    #[error("{0}")]
    Store(#[from] store::OpenError),
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("cannot listen on {addr} ({setting}): {source}")]
    Listen { setting: &'static str, addr: SocketAddr, source: std::io::Error },
    #[error("{0}")]
    Routes(#[from] query::TableError),
    #[error("rules: {0}")]
    Rules(String),
    #[error("scrape: {0}")]
    Scrape(String),
    #[error("processing: {0}")]
    Processing(String),
    #[error("deletions that were asked for: {0}")]
    Deletions(String),
    #[error("signals of the operating system: {0}")]
    Signals(std::io::Error),
}

/// How busy the demo shop is.
const DEMO_VISITORS_PER_S: f64 = 8.0;

pub(crate) struct App {
    store: Store,
    rules: Rules,
    derived: Derived,
    notifier: Notifier,
    scraper: Scraper,
    dispatch: Arc<Dispatch>,
    process: Arc<Process>,
    ready: watch::Sender<bool>,
    stop: CancellationToken,
}

struct Listeners {
    main: TcpListener,
    otlp_grpc: TcpListener,
    otlp_http: TcpListener,
    further: Vec<Further>,
}

/// What the process hears. Unopened, each of them ends it at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// An address of `listen`.
struct Further {
    listen: Listen,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl App {
    /// Serves until a signal says to stop.
    pub(crate) async fn run(config: Config, flags: ServeFlags, with_demo: bool) -> Result<(), AppError> {
        // Addresses first: two servers on one address must not both open the store.
        let listeners = Listeners::bind(&config).await?;
        let addresses = listeners.addresses();
        let started_with = config.clone();
        let mut config = config;
        if with_demo {
            demo_files(&mut config, addresses[0])?;
        }
        let store = open_store(&config).await?;
        let app = Self::build(started_with, config, flags, store, with_demo)?;
        app.read_rules().await?;
        app.dispatch.query.resume().await.map_err(AppError::Deletions)?;
        let further = listeners.further_addresses();
        // Whoever sees an open door may send a signal.
        let signals = Signals::open()?;
        let doors = app.open_doors(listeners);
        let _ = app.ready.send(true);
        tracing::info!(ui = %format!("http://{}/ui/", addresses[0]), otlp_grpc = %addresses[1], otlp_http = %addresses[2], listen = %further, "ready");
        let workers = app.start_workers();
        let shop = with_demo.then(|| app.open_shop(addresses[1]));
        app.until_stopped(signals).await;
        app.shut_down(doors, workers, shop).await;
        Ok(())
    }

    /// `started_with` is the configuration as it was read; the demo adds its own files to it.
    fn build(
        started_with: Config,
        config: Config,
        flags: ServeFlags,
        store: Store,
        with_demo: bool,
    ) -> Result<Self, AppError> {
        let stop = CancellationToken::new();
        let (ready, is_ready) = watch::channel(false);
        let collector_config = collector::Config {
            limits: config.limits,
            cors_origins: config.cors_origins.clone(),
            quarantine_dir: Some(config.data_dir.join("quarantine")),
            processing: config.processing.clone(),
            redaction_key: redaction_key(&config).map_err(AppError::Processing)?,
        };
        let collector = Collector::new(collector_config, store.writer());
        let shared = Arc::new(ArcSwap::from_pointee(config.clone()));
        let gate = Arc::new(ArcSwap::from_pointee(Gate::new(&config)));
        let (rules, notifier) = alerting(&config, &store, with_demo)?;
        let scraper = scraper(&config, &collector)?;
        let process = Arc::new(Process {
            store: store.clone(),
            collector: collector.clone(),
            scraper: scraper.clone(),
            started_ms: now_ms(),
            ready: is_ready,
            reload: Reload {
                started_with,
                flags,
                config: Arc::clone(&shared),
                gate: Arc::clone(&gate),
                rules: rules.clone(),
                notifier: notifier.clone(),
                scraper: scraper.clone(),
                collector: collector.clone(),
            },
            config: shared,
        });
        let query_config = query::Config {
            limits: config.limits,
            retention: format!("{}s", config.retention.as_secs()),
            provisioning: config.provisioning.clone(),
            ..query::Config::new(env!("CARGO_PKG_VERSION"))
        };
        let query = Query::new(
            query_config,
            store.clone(),
            Arc::new(rules.clone()),
            Arc::clone(&process) as Arc<dyn query::Host>,
        );
        let dispatch = Arc::new(Dispatch {
            gate,
            routes: route_table()?,
            grpc: collector.grpc_router(),
            query,
            collector,
            limits: config.limits,
        });
        let derived = Derived::new(store.clone(), query::Config::new(env!("CARGO_PKG_VERSION")).clock);
        Ok(Self { store, rules, derived, notifier, scraper, dispatch, process, ready, stop })
    }

    fn open_doors(&self, listeners: Listeners) -> Vec<JoinHandle<()>> {
        let doors = [
            ("main door", Door::Main, listeners.main),
            ("otlp grpc door", Door::OtlpGrpc, listeners.otlp_grpc),
            ("otlp http door", Door::OtlpHttp, listeners.otlp_http),
        ];
        let open = |(name, door, listener)| {
            let dispatch = Arc::clone(&self.dispatch);
            let handle = move |request| Arc::clone(&dispatch).answer(door, request);
            tasks::spawn(name, accept_loop(listener, ConnectionLimits::default(), self.stop.clone(), handle))
        };
        let mut open: Vec<JoinHandle<()>> = doors.into_iter().map(open).collect();
        open.extend(listeners.further.into_iter().map(|further| self.open_further(further)));
        open
    }

    fn open_further(&self, Further { listen, socket }: Further) -> JoinHandle<()> {
        let syslog = SyslogDoor {
            collector: self.dispatch.collector.clone(),
            tenant: listen.tenant,
            limits: self.dispatch.limits,
            stop: self.stop.clone(),
        };
        let (name, prefix) = match listen.protocol {
            ListenProtocol::Elasticsearch => ("elasticsearch door", "/elasticsearch"),
            ListenProtocol::Zipkin => ("zipkin door", "/zipkin"),
            ListenProtocol::SyslogTcp | ListenProtocol::SyslogUdp => ("syslog door", ""),
        };
        match socket {
            Socket::Udp(socket) => tasks::spawn(name, serve_udp(syslog, socket)),
            Socket::Tcp(listener) if prefix.is_empty() => tasks::spawn(name, serve_tcp(syslog, listener)),
            Socket::Tcp(listener) => {
                let dispatch = Arc::clone(&self.dispatch);
                let handle = move |request| Arc::clone(&dispatch).answer(Door::Classic(prefix), request);
                let serve = accept_loop(listener, ConnectionLimits::default(), self.stop.clone(), handle);
                tasks::spawn(name, serve)
            }
        }
    }

    /// State of alerts and messages first, then the rules that go on from there. Before the doors open: a process with a
    /// wrong rule file never says it is ready.
    async fn read_rules(&self) -> Result<(), AppError> {
        self.notifier.restore().await.map_err(AppError::Rules)?;
        self.rules.reload().await.map_err(AppError::Rules)
    }

    /// What works by itself: scraping, rules and notifications.
    fn start_workers(&self) -> Vec<JoinHandle<()>> {
        let rules = tasks::spawn("rules", self.rules.clone().run(self.stop.clone()));
        let notifier = tasks::spawn("notifications", self.notifier.clone().run(self.stop.clone()));
        let derived = tasks::spawn("span metrics", self.derived.clone().run(self.stop.clone()));
        let scraper = tasks::spawn("scraper", self.scraper.clone().run(self.stop.clone()));
        let files = self.dispatch.query.provisioned();
        let dashboards = tasks::spawn("dashboard files", files.run(self.stop.clone()));
        vec![scraper, rules, notifier, derived, dashboards]
    }

    fn open_shop(&self, otlp_grpc: SocketAddr) -> JoinHandle<()> {
        let config = demo::DemoConfig {
            otlp_grpc: format!("http://{otlp_grpc}"),
            headers: Vec::new(),
            rate: DEMO_VISITORS_PER_S,
            seed: now_ms().unsigned_abs(),
        };
        let stop = self.stop.clone();
        tasks::spawn("demo shop", async move {
            if let Err(error) = demo::run(config, stop).await {
                tracing::error!(%error, "the demo shop closed");
            }
        })
    }

    /// Waits for SIGTERM or SIGINT; SIGHUP reloads.
    async fn until_stopped(&self, mut signals: Signals) {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hang_up.recv() => match self.process.reload.run().await {
                    Ok(()) => tracing::info!("reloaded"),
                    Err(error) => tracing::error!(%error, "not reloaded: the configuration in force stays"),
                },
            }
        }
    }

    async fn shut_down(
        self,
        doors: Vec<JoinHandle<()>>,
        workers: Vec<JoinHandle<()>>,
        shop: Option<JoinHandle<()>>,
    ) {
        tracing::info!("draining");
        let _ = self.ready.send(false);
        self.stop.cancel();
        for task in shop.into_iter().chain(doors).chain(workers) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended badly");
            }
        }
        self.store.shutdown().await;
        tracing::info!("stopped");
    }
}

impl Signals {
    fn open() -> Result<Self, AppError> {
        let open = |kind| signal(kind).map_err(AppError::Signals);
        Ok(Self {
            terminate: open(SignalKind::terminate())?,
            interrupt: open(SignalKind::interrupt())?,
            hang_up: open(SignalKind::hangup())?,
        })
    }
}

impl Listeners {
    async fn bind(config: &Config) -> Result<Self, AppError> {
        let open = async |setting: &'static str, addr: SocketAddr| {
            bind(addr).await.map_err(|source| AppError::Listen { setting, addr, source })
        };
        let mut further = Vec::new();
        for listen in &config.listen {
            let setting = listen.protocol.name();
            let socket = match listen.protocol {
                ListenProtocol::SyslogUdp => {
                    let addr = listen.address;
                    let bound = UdpSocket::bind(addr).await;
                    Socket::Udp(bound.map_err(|source| AppError::Listen { setting, addr, source })?)
                }
                _ => Socket::Tcp(open(setting, listen.address).await?),
            };
            further.push(Further { listen: listen.clone(), socket });
        }
        Ok(Self {
            further,
            main: open("http", config.http).await?,
            otlp_grpc: open("otlp_grpc", config.otlp_grpc).await?,
            otlp_http: open("otlp_http", config.otlp_http).await?,
        })
    }

    /// Where they really listen: port 0 became some port.
    fn addresses(&self) -> [SocketAddr; 3] {
        [&self.main, &self.otlp_grpc, &self.otlp_http]
            .map(|listener| listener.local_addr().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into()))
    }

    /// `syslog_tcp=127.0.0.1:5514 …`
    fn further_addresses(&self) -> String {
        let address = |further: &Further| {
            let bound = match &further.socket {
                Socket::Tcp(listener) => listener.local_addr(),
                Socket::Udp(socket) => socket.local_addr(),
            };
            format!("{}={}", further.listen.protocol.name(), bound.unwrap_or(further.listen.address))
        };
        self.further.iter().map(address).collect::<Vec<_>>().join(" ")
    }
}

/// The read APIs' rows and the collector's in one table; two of one method and path are an error.
fn route_table() -> Result<RouteTable<Answerer>, query::TableError> {
    let read = query::routes().into_iter().map(|route| route.map(Answerer::Query));
    let ingest = Collector::http_routes()
        .iter()
        .map(|row| query::ingest_route(row.methods, row.path, row.protocol.title, Answerer::Collector(row)));
    RouteTable::new(read.chain(ingest).collect())
}

fn alerting(config: &Config, store: &Store, demo: bool) -> Result<(Rules, Notifier), AppError> {
    let clock = query::Config::new("").clock;
    let settings = NotifierConfig {
        external_url: config.external_url.clone(),
        webhook_deny: config.webhook_deny.clone(),
        evidence: config.evidence,
        webhook_allow: config.webhook_allow.clone(),
        outbox_messages_max: config.limits.outbox_messages_max,
        clock: Arc::clone(&clock),
    };
    let receivers = receivers(config.alertmanager.as_deref()).map_err(AppError::Rules)?;
    let notifier = Notifier::new(settings, receivers, store.clone()).map_err(AppError::Rules)?;
    let rules_config = RulesConfig {
        directory: config.rules_dir.clone(),
        external_url: config.external_url.clone(),
        heartbeats: demo,
        clock,
    };
    Ok((Rules::new(rules_config, store.clone(), notifier.clone()), notifier))
}

fn scraper(config: &Config, collector: &Collector) -> Result<Scraper, AppError> {
    let scraper = Scraper::new(collector.clone(), Config::kubernetes());
    let plan = scrape::plan(config.scrape.as_deref()).and_then(Scraper::check);
    scraper.configure(plan.map_err(AppError::Scrape)?);
    Ok(scraper)
}

async fn open_store(config: &Config) -> Result<Store, AppError> {
    let config = config.store();
    let opened = tokio::task::spawn_blocking(move || Store::open(config)).await;
    match opened {
        Ok(opened) => Ok(opened?),
        Err(panicked) => Err(AppError::Rules(panicked.to_string())),
    }
}

/// The demo's rules and receivers, unless the operator named others.
fn demo_files(config: &mut Config, main: SocketAddr) -> Result<(), AppError> {
    let failed = |e: std::io::Error| AppError::Rules(format!("the demo's files: {e}"));
    if config.external_url == format!("http://{}", config.http) {
        config.external_url = format!("http://{main}");
    }
    std::fs::create_dir_all(&config.rules_dir).map_err(failed)?;
    std::fs::write(config.rules_dir.join("demo.yml"), demo::rules()).map_err(failed)?;
    if config.alertmanager.is_none() {
        let path = config.data_dir.join("demo-alertmanager.yml");
        let chat = format!("http://{main}/api/signalbox/demo/chat/shop");
        std::fs::write(&path, demo::alertmanager(&chat)).map_err(failed)?;
        config.alertmanager = Some(path);
    }
    Ok(())
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
