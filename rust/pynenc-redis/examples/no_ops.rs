//! How fast no-ops go through one server: `no_ops URL [count] [threads] [rounds]`.
//!
//! Two sides in one process, each with its own connections: one submits in batches and is told of the
//! ends, one works. The server should be empty; what is made stays in it.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pynenc_core::engine::{Lane, Limits, Outcome};
use pynenc_core::park::{Parker, Subscription};
use pynenc_redis::error::RedisError;
use pynenc_redis::link::route::Route;
use pynenc_redis::link::timing::Timing;
use pynenc_redis::remote::{Idle, Online, Remote, Settings, Submission};
use pynenc_redis::store::AppId;

type Side = Arc<Remote<()>>;

fn side(url: &str) -> Result<Side, RedisError> {
    let app = AppId::new("no_ops")?;
    let address = url.parse().map_err(|error| RedisError::Address(format!("{error}")))?;
    let route = Route::new(address, app.prefix(), Timing::default())?;
    Ok(Arc::new(Remote::new(Arc::new(Online::new(route, &app, Limits::default(), None)), Settings::default())))
}

fn work(side: &Side, worker: u32, stopping: &AtomicBool, parker: &Arc<Parker>) {
    while !stopping.load(Ordering::Acquire) {
        match side.claim_started(worker, Lane::Sync, Some(Idle { parker, wants: 1 })) {
            Ok(Some(work)) => drop(side.finish(work.at, work.fence, Outcome::Success(work.payload), 0, None)),
            Ok(None) => drop(parker.park(None)),
            Err(_) => return,
        }
    }
}

fn call(side: &Side, n: usize) -> Submission<()> {
    Submission {
        id: side.fresh_id(),
        task: side.task("no_op"),
        call: (),
        packed: n.to_le_bytes().to_vec().into(),
        parent: None,
        lane: Lane::Sync,
        delay: 0,
        rules: None,
        print: None,
    }
}

fn main() -> Result<ExitCode, RedisError> {
    let mut arguments = std::env::args().skip(1);
    let Some(url) = arguments.next() else {
        eprintln!("usage: no_ops URL [count] [threads] [rounds]");
        return Ok(ExitCode::FAILURE);
    };
    let mut number = |otherwise| arguments.next().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (count, threads, rounds): (usize, usize, usize) = (number(100_000), number(2), number(3));
    let (here, there) = (side(&url)?, side(&url)?);
    let worker = there.register_worker("no_ops", &["no_op"])?;
    let stopping = AtomicBool::new(false);
    let parkers: Vec<Arc<Parker>> = (0..threads).map(|_| Arc::new(Parker::new())).collect();
    std::thread::scope(|scope| {
        for parker in &parkers {
            scope.spawn(|| work(&there, worker, &stopping, parker));
        }
        let mut told = Ok(());
        for _ in 0..rounds {
            told = told.and_then(|()| round(&here, count));
        }
        stopping.store(true, Ordering::Release);
        parkers.iter().for_each(|parker| parker.unpark());
        told
    })?;
    eprintln!("{:?}", there.counters());
    there.close(Duration::from_secs(5));
    here.close(Duration::from_secs(5));
    Ok(ExitCode::SUCCESS)
}

fn round(here: &Side, count: usize) -> Result<(), RedisError> {
    let batch: Vec<_> = (0..count).map(|n| call(here, n)).collect();
    let inbox = Subscription::new();
    let began = Instant::now();
    let receipts = here.submit_many(batch, Some((&inbox, 0)))?;
    let submitted = began.elapsed();
    let goal = count as u64;
    while inbox.delivered() < goal {
        inbox.wait_delivered(goal, Some(Instant::now() + Duration::from_secs(60)));
    }
    let all = began.elapsed();
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    eprintln!("{count} submitted at {:.0}/s, ended at {:.0}/s", rate(submitted), rate(all));
    here.forget_all(&receipts.iter().map(|receipt| receipt.at()).collect::<Vec<_>>());
    Ok(())
}
