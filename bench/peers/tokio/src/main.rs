// The work of bench/common/harness.hpp on Tokio, whose tasks are stackless: the same benchmarks, arguments and lines.
//
// Channels are Tokio's mpsc. It has none without places, so one place stands for a rendezvous, and none for many receivers, so mpmc
// is left out, as are select4 (its select! is over futures) and what computes without end. A wait group is a counter and a Notify.
use std::future::Future;
use std::pin::Pin;
use std::process::exit;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, Mutex, Notify};

fn show(name: &str, value: f64, unit: &str) {
    println!("{} {:.3} {}", name, value, unit);
}

fn ns_per(start: Instant, n: i64) -> f64 {
    start.elapsed().as_nanos() as f64 / n as f64
}

/// A wrong result ends the program.
fn expect(right: bool, bench: &str) {
    if !right {
        eprintln!("{}: the result is wrong", bench);
        exit(1);
    }
}

fn sum_below(n: i64) -> i64 {
    n * (n - 1) / 2
}

fn cpu_ms() -> f64 {
    let r = unsafe {
        let mut r: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut r);
        r
    };
    (r.ru_utime.tv_sec + r.ru_stime.tv_sec) as f64 * 1e3 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) as f64 / 1e3
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}

/// The most memory that this program has had.
fn peak_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

struct WaitGroup {
    left: AtomicI64,
    zero: Notify,
}

impl WaitGroup {
    fn new() -> Arc<WaitGroup> {
        Arc::new(WaitGroup { left: AtomicI64::new(0), zero: Notify::new() })
    }
    fn add(&self, n: i64) {
        self.left.fetch_add(n, Ordering::SeqCst);
    }
    fn done(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.zero.notify_one();
        }
    }
    async fn wait(&self) {
        while self.left.load(Ordering::SeqCst) != 0 {
            self.zero.notified().await;
        }
    }
}

async fn yields(n: i64) {
    let wg = WaitGroup::new();
    wg.add(2);
    let start = Instant::now();
    for _ in 0..2 {
        let wg = wg.clone();
        tokio::spawn(async move {
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            wg.done();
        });
    }
    wg.wait().await;
    show("switch", ns_per(start, 2 * n), "ns/yield");
}

async fn spawn_one(n: i64) {
    let wg = WaitGroup::new();
    let start = Instant::now();
    for _ in 0..n {
        wg.add(1);
        let mine = wg.clone();
        tokio::spawn(async move { mine.done() });
        wg.wait().await;
    }
    show("spawn1", ns_per(start, n), "ns/task");
}

async fn spawn_many(n: i64) {
    let batches = std::cmp::max(1, n / 1000);
    let wg = WaitGroup::new();
    let start = Instant::now();
    for _ in 0..batches {
        wg.add(1000);
        for _ in 0..1000 {
            let wg = wg.clone();
            tokio::spawn(async move { wg.done() });
        }
        wg.wait().await;
    }
    show("spawn1000", ns_per(start, batches * 1000), "ns/task");
}

async fn ping_pong(n: i64) {
    let (there, mut there_out) = mpsc::channel::<i64>(1);
    let (back, mut back_out) = mpsc::channel::<i64>(1);
    let start = Instant::now();
    let first = tokio::spawn(async move {
        let mut sum = 0;
        for i in 0..n {
            there.send(i).await.unwrap();
            sum += back_out.recv().await.unwrap();
        }
        sum
    });
    tokio::spawn(async move {
        for _ in 0..n {
            let v = there_out.recv().await.unwrap();
            back.send(v).await.unwrap();
        }
    });
    expect(first.await.unwrap() == sum_below(n), "pingpong");
    show("pingpong", ns_per(start, n), "ns/roundtrip");
}

async fn buffered(n: i64) {
    let (to, mut from) = mpsc::channel::<i64>(128);
    let start = Instant::now();
    tokio::spawn(async move {
        for i in 0..n {
            to.send(i).await.unwrap();
        }
    });
    let receiver = tokio::spawn(async move {
        let mut sum = 0;
        for _ in 0..n {
            sum += from.recv().await.unwrap();
        }
        sum
    });
    expect(receiver.await.unwrap() == sum_below(n), "buf128");
    show("buf128", ns_per(start, n), "ns/item");
}

async fn lock(n: i64) {
    let count = Mutex::new(0);
    let start = Instant::now();
    for _ in 0..n {
        *count.lock().await += 1;
    }
    let ns = ns_per(start, n);
    expect(*count.lock().await == n, "mutex1");
    show("mutex1", ns, "ns/op");
}

async fn lock_by_eight(name: &str, n: i64, yielding: bool) {
    let each = std::cmp::max(1, n / 8);
    let count = Arc::new(Mutex::new(0));
    let wg = WaitGroup::new();
    wg.add(8);
    let start = Instant::now();
    for _ in 0..8 {
        let (wg, count) = (wg.clone(), count.clone());
        tokio::spawn(async move {
            for _ in 0..each {
                let mut held = count.lock().await;
                *held += 1;
                if yielding {
                    tokio::task::yield_now().await;
                }
            }
            wg.done();
        });
    }
    wg.wait().await;
    let ns = ns_per(start, 8 * each);
    expect(*count.lock().await == 8 * each, name);
    show(name, ns, "ns/op");
}

fn skynet(up: mpsc::Sender<i64>, first: i64, size: i64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if size < 10 {
            let _ = up.send(first).await;
            return;
        }
        let (to, mut children) = mpsc::channel(1);
        for i in 0..10 {
            tokio::spawn(skynet(to.clone(), first + i * (size / 10), size / 10));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += children.recv().await.unwrap();
        }
        let _ = up.send(sum).await;
    })
}

async fn skynet_root(n: i64) {
    let mut leaves = 1;
    while leaves * 10 <= n {
        leaves *= 10;
    }
    let (to, mut result) = mpsc::channel(1);
    let start = Instant::now();
    tokio::spawn(skynet(to, 0, leaves));
    let sum = result.recv().await.unwrap();
    let ms = ns_per(start, 1_000_000);
    expect(sum == sum_below(leaves), "skynet");
    show("skynet", ms, "ms");
    show("skynet_rss", peak_bytes() / 1048576.0, "MB");
}

async fn sleepers(n: i64) {
    let wg = WaitGroup::new();
    wg.add(n);
    let cpu_before = cpu_ms();
    let start = Instant::now();
    for _ in 0..n {
        let wg = wg.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            wg.done();
        });
    }
    wg.wait().await;
    show("sleep_total", ns_per(start, 1_000_000), "ms");
    show("sleep_cpu", cpu_ms() - cpu_before, "cpu-ms");
}

async fn parked(n: i64) {
    let gate = Arc::new(Notify::new());
    let wg = WaitGroup::new();
    wg.add(n);
    let before = resident_bytes();
    let start = Instant::now();
    for _ in 0..n {
        let (wg, gate) = (wg.clone(), gate.clone());
        tokio::spawn(async move {
            wg.done();
            gate.notified().await;
        });
    }
    wg.wait().await;
    let ns = ns_per(start, n);
    show("mem_rss", (resident_bytes() - before) / n as f64, "B/goroutine");
    show("mem_create", ns, "ns/goroutine");
    exit(0);
}

async fn echo(port: i64) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port as u16)).await.unwrap();
    loop {
        let (mut conn, _) = listener.accept().await.unwrap();
        conn.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let mut buffer = [0u8; 4096];
            while let Ok(n) = conn.read(&mut buffer).await {
                if n == 0 || conn.write_all(&buffer[..n]).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn work(bench: String, n: i64) {
    let or = |own: i64| if n > 0 { n } else { own };
    match bench.as_str() {
        "switch" => yields(or(5_000_000)).await,
        "spawn1" => spawn_one(or(1_000_000)).await,
        "spawn1000" => spawn_many(or(1_000_000)).await,
        "pingpong" => ping_pong(or(1_000_000)).await,
        "buf128" => buffered(or(10_000_000)).await,
        "mutex1" => lock(or(50_000_000)).await,
        "mutex8" => lock_by_eight("mutex8", or(4_000_000), false).await,
        "mutex8y" => lock_by_eight("mutex8y", or(1_000_000), true).await,
        "skynet" => skynet_root(or(1_000_000)).await,
        "sleep" => sleepers(or(100_000)).await,
        "mem" => parked(or(1_000_000)).await,
        "echo" => echo(n).await,
        _ => exit(2),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |i: usize| arguments.get(i).and_then(|a| a.parse::<i64>().ok()).filter(|v| *v > 0);
    let workers = match (arguments.len(), number(2)) {
        (3, Some(w)) | (4, Some(w)) if arguments.len() == 3 || number(3).is_some() => w as usize,
        _ => {
            eprintln!("usage: peer_tokio BENCH WORKERS [N]; WORKERS and N are positive numbers");
            exit(2);
        }
    };
    let (bench, n) = (arguments[1].clone(), number(3).unwrap_or(0));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    runtime.block_on(async move { tokio::spawn(work(bench, n)).await.unwrap() });
}
