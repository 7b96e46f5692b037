//! The thread that has the connection: shares transactions, connects again, and puts right what an outage left.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::counters::Recovered;
use crate::fault::{Faults, Point};
use crate::ledger::new_opening;
use crate::postgres::address::Postgres;
use crate::postgres::cells::Cells;
use crate::postgres::outage::{Doubt, Outage};
use crate::postgres::session::{self, Failed, Mine, PATIENCE, Session, Signed};
use crate::postgres::{Ask, Outcome, Step, Tell, Whole, schema};
use crate::{Error, secret};

/// Most steps in one transaction: a bound on what a failing commit takes with it.
const BATCH_MAX: usize = 256;

/// A failure that came sooner is tried again at once: a connection that a firewall or a restart had cut.
const AGAIN_WITHIN: Duration = Duration::from_secs(2);

/// How long to wait before connecting again, at first and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// The thread's own.
pub(super) struct Keeper {
    runtime: Runtime,
    pub(super) desk: Desk,
}

/// What is known of the database, and the connection to it.
pub(super) struct Desk {
    pub(super) postgres: Postgres,
    pub(super) gateway: String,
    /// The number of this opening in the database.
    pub(super) holder: i64,
    /// The number of this opening in this process; another one after what was reserved was charged by others.
    opening: u64,
    /// The last transaction of this gateway that is known to be committed.
    batch: i64,
    faults: Faults,
    session: Option<Session>,
    outage: Outage,
    /// What callers are to hear of a transaction that was in doubt.
    settled: Option<Vec<Result<Outcome, Error>>>,
    /// Why this opening may count no more.
    closed: Option<Error>,
    last_failure: String,
    backoff: Duration,
    /// When a connection may be tried again, and when what an outage left.
    retry_at: Instant,
    settle_at: Instant,
    beat_at: Instant,
}

impl Keeper {
    pub(super) fn new(postgres: Postgres, gateway: String, faults: Faults) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let now = Instant::now();
        let desk = Desk {
            postgres,
            gateway,
            holder: secret::draw_number()?,
            opening: new_opening(),
            batch: 0,
            faults,
            session: None,
            outage: Outage::default(),
            settled: None,
            closed: None,
            last_failure: String::new(),
            backoff: BACKOFF_MIN,
            retry_at: now,
            settle_at: now,
            beat_at: now,
        };
        Ok(Self { runtime, desk })
    }

    /// Makes the tables, and takes this gateway's row.
    pub(super) fn register(&mut self) -> Result<(Recovered, Option<i64>), Error> {
        let Self { runtime, desk } = self;
        let registered = runtime.block_on(async { timeout(2 * PATIENCE, desk.register()).await });
        registered.unwrap_or_else(|_| Err(desk.gone("it does not answer")))
    }

    /// Serves until nobody can ask any more, or a test ends it.
    pub(super) fn run(mut self, asked: &Receiver<Ask>) {
        loop {
            match asked.recv_timeout(self.desk.pause()) {
                Ok(first) => {
                    if self.desk.faults.at(Point::Writer).is_err() {
                        return;
                    }
                    self.serve(first, asked);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let Self { runtime, desk } = &mut self;
            let beat = runtime.block_on(async { timeout(PATIENCE, desk.beat_if_due()).await });
            if !matches!(beat, Ok(Ok(()))) {
                // It is tried again, and the next request says why it fails. Nobody waits for what it gave back.
                desk.outage.told(Vec::new());
                desk.settle_at = Instant::now() + desk.backoff;
            }
        }
        if self.desk.outage.pending() {
            let _ = self.commit(&[]);
        }
    }

    /// Steps that wait share a transaction; what needs one for itself comes after.
    fn serve(&mut self, first: Ask, asked: &Receiver<Ask>) {
        let (mut steps, mut tells, mut wholes) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(ask) = next {
            match ask {
                Ask::Step(step, tell) => {
                    steps.push(step);
                    tells.push(tell);
                }
                Ask::Whole(whole, tell) => wholes.push((whole, tell)),
            }
            next = if steps.len() < BATCH_MAX { asked.try_recv().ok() } else { None };
        }
        if !steps.is_empty() {
            self.serve_steps(steps, tells);
        }
        for (whole, tell) in wholes {
            let outcome = self.serve_whole(&whole);
            // Fails only when the caller's thread is gone.
            let _ = tell.send(outcome);
        }
    }

    fn serve_steps(&mut self, steps: Vec<Step>, tells: Vec<Tell>) {
        match self.commit(&steps) {
            Ok(outcomes) => {
                for (tell, outcome) in tells.into_iter().zip(outcomes) {
                    let _ = tell.send(outcome);
                }
            }
            Err(error) => {
                // Before the callers hear of it: whoever then looks sees what is owed.
                self.desk.outage.told(steps);
                for tell in tells {
                    let _ = tell.send(Err(error.again()));
                }
            }
        }
    }

    /// Does all steps in one transaction.
    fn commit(&mut self, steps: &[Step]) -> Result<Vec<Result<Outcome, Error>>, Error> {
        self.twice(async |desk| desk.attempt(steps).await)
    }

    fn serve_whole(&mut self, whole: &Whole) -> Result<Outcome, Error> {
        self.twice(async |desk| desk.whole(whole).await)
    }

    /// Does something with the database. A connection that was lost since it was last used is made anew, once.
    fn twice<T>(&mut self, mut work: impl AsyncFnMut(&mut Desk) -> Result<T, Error>) -> Result<T, Error> {
        let Self { runtime, desk } = self;
        let (fresh, begun) = (desk.session.is_none(), Instant::now());
        let first = runtime.block_on(async { timeout(PATIENCE, work(desk)).await });
        match desk.outcome(first) {
            Err(Error::StoreGone { .. }) if !fresh && begun.elapsed() < AGAIN_WITHIN => {
                desk.retry_at = Instant::now();
                let second = runtime.block_on(async { timeout(PATIENCE, work(desk)).await });
                desk.outcome(second)
            }
            outcome => outcome,
        }
    }
}

impl Desk {
    pub(super) fn gone(&self, why: &str) -> Error {
        Error::StoreGone { place: self.postgres.place().to_owned(), why: why.to_owned() }
    }

    /// The connection is of no use any more.
    pub(super) fn lost(&mut self, failed: &Failed) -> Error {
        self.session = None;
        self.gone(&failed.0)
    }

    fn outcome<T>(
        &mut self,
        outcome: Result<Result<T, Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Error> {
        outcome.unwrap_or_else(|_| Err(self.lost(&Failed("it does not answer".to_owned()))))
    }

    pub(super) fn faults_at_begin(&self) -> Result<(), Error> {
        self.faults.at(Point::Begin)
    }

    /// The connection may be used again.
    pub(super) fn keep(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// How long to wait for somebody to ask.
    fn pause(&self) -> Duration {
        let settle_at = self.outage.pending().then_some(self.settle_at.max(self.retry_at));
        let next = settle_at.map_or(self.beat_at, |settle_at| settle_at.min(self.beat_at));
        next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    async fn register(&mut self) -> Result<(Recovered, Option<i64>), Error> {
        let client = session::connect(&self.postgres, &self.gateway).await;
        let client = client.map_err(|failed| self.lost(&failed))?;
        let newer = schema::migrate(&client).await.map_err(|failed| self.lost(&failed))?;
        if let Some(found) = newer {
            let place = self.postgres.place().to_owned();
            return Err(Error::StoreNewer { place, found, known: schema::KNOWN });
        }
        let session = Session::prepare(client, &self.gateway).await.map_err(|failed| self.lost(&failed))?;
        let (recovered, batch, latest_ms) =
            self.take_row(&session).await.map_err(|failed| self.lost(&failed))?;
        (self.batch, self.session) = (batch, Some(session));
        self.beat_at = Instant::now() + self.postgres.lease / 3;
        Ok((recovered, latest_ms))
    }

    /// A connection, and certainty about what an earlier one left.
    pub(super) async fn session(&mut self) -> Result<Session, Error> {
        if let Some(closed) = &self.closed {
            return Err(closed.again());
        }
        if let Some(session) = self.session.take().filter(|session| !session.client.is_closed()) {
            return Ok(session);
        }
        if Instant::now() < self.retry_at {
            return Err(self.gone(&self.last_failure));
        }
        match self.connect().await {
            Ok(session) => {
                self.backoff = BACKOFF_MIN;
                Ok(session)
            }
            Err(Failed(why)) => {
                self.retry_at = Instant::now() + self.backoff;
                self.backoff = (2 * self.backoff).min(BACKOFF_MAX);
                self.last_failure.clone_from(&why);
                Err(self.gone(&why))
            }
        }
    }

    async fn connect(&mut self) -> Result<Session, Failed> {
        let client = session::connect(&self.postgres, &self.gateway).await?;
        let session = Session::prepare(client, &self.gateway).await?;
        if self.outage.doubt.is_some() {
            let mine = session.begin().await?;
            session.rollback().await?;
            if let Ok(mine) = self.check(mine) {
                self.settled = self.outage.resolve(mine.batch);
                self.batch = mine.batch;
            }
        }
        Ok(session)
    }

    /// Whether the row is this opening's, with all that it committed. Once it is not, nothing is counted any more.
    pub(super) fn check(&mut self, mine: Option<Mine>) -> Result<Mine, Error> {
        let (place, gateway) = (self.postgres.place().to_owned(), self.gateway.clone());
        let closed = match mine {
            Some(mine) if mine.holder == self.holder && mine.batch >= self.batch => return Ok(mine),
            Some(mine) if mine.holder != self.holder => Error::StoreTakenOver { place, gateway },
            _ => Error::StoreReset { place, gateway },
        };
        self.closed = Some(closed.again());
        Err(closed)
    }

    async fn attempt(&mut self, steps: &[Step]) -> Result<Vec<Result<Outcome, Error>>, Error> {
        self.faults.at(Point::Begin)?;
        let session = self.session().await?;
        // Only those of this very call can still wait for it.
        if let Some(outcomes) = self.settled.take() {
            self.session = Some(session);
            return Ok(outcomes);
        }
        let mut cells = Cells::default();
        self.outage.owed.iter().chain(steps).for_each(|step| cells.mention(step));
        if self.outage.owed.is_empty() && steps.iter().all(|step| matches!(step, Step::Read(_))) {
            session.read(&mut cells).await.map_err(|failed| self.lost(&failed))?;
        } else {
            let mine = session.begin_and_read(&mut cells).await.map_err(|failed| self.lost(&failed))?;
            let mine = self.check(mine)?;
            self.batch = mine.batch;
            if mine.lapsed {
                // Others took this gateway for dead and charged what it had reserved.
                self.opening = new_opening();
            }
            return self.decide(session, cells, steps).await;
        }
        let outcomes = self.apply(&mut cells, steps);
        self.session = Some(session);
        Ok(outcomes)
    }

    /// Inside a transaction that has the lock.
    async fn decide(
        &mut self,
        session: Session,
        mut cells: Cells,
        steps: &[Step],
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        for step in &self.outage.owed {
            // What is of an earlier opening was charged, and is owed no more.
            let _ = cells.apply(step, self.opening);
        }
        let outcomes = self.apply(&mut cells, steps);
        // Dropping the connection, as an injected fault does, rolls the transaction back.
        self.faults.at(Point::Commit)?;
        if cells.changed().next().is_none() {
            session.rollback().await.map_err(|failed| self.lost(&failed))?;
            self.outage.owed.clear();
            self.session = Some(session);
            return Ok(outcomes);
        }
        let batch = self.batch.saturating_add(1);
        let owed = self.outage.owed.len();
        self.outage.doubt = Some(Doubt { batch, owed, outcomes, told: None });
        let signed = Signed { holder: self.holder, batch, latest_ms: cells.latest_ms };
        session.write_and_commit(&cells, &signed).await.map_err(|failed| self.lost(&failed))?;
        self.beat_at = Instant::now() + self.postgres.lease / 3;
        (self.batch, self.session) = (batch, Some(session));
        self.outage.resolve(batch).ok_or(Error::Poisoned)
    }

    fn apply(&self, cells: &mut Cells, steps: &[Step]) -> Vec<Result<Outcome, Error>> {
        let one = |step| {
            self.faults.at(Point::Step)?;
            cells.apply(step, self.opening).ok_or(Error::StaleReservation)
        };
        steps.iter().map(one).collect()
    }

    /// Says that this gateway lives, charges those that do not, and puts right what an outage left.
    async fn beat_if_due(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if self.closed.is_some() {
            self.beat_at = now + self.postgres.lease;
            self.outage = Outage::default();
            return Ok(());
        }
        if self.outage.pending() && now >= self.settle_at.max(self.retry_at) {
            self.attempt(&[]).await?;
        }
        if now < self.beat_at {
            return Ok(());
        }
        self.beat_at = now + self.postgres.lease / 3;
        let session = self.session().await?;
        self.beat(&session).await.map_err(|failed| self.lost(&failed))?;
        self.session = Some(session);
        Ok(())
    }
}
