//! `chat`: a conversation in the terminal, through the same API and the same gate as every client.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use gateway::AdminOutcome;
use ledger::Connect as _;
use rustyline::error::ReadlineError;
use serde_json::{Value, json};
use server::{Address, Reach};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use crate::args::Chat;
use crate::broker::Broker;
use crate::commands::serve::{self, Running, Signals};
use crate::places::Places;
use crate::process;

const HELP: &str = "\
/help            this help
/clear           forget the conversation
/system TEXT     set the system message and forget the conversation
/receipt         the receipt of the last answer
/quit            leave (also Ctrl-D)
A line that ends in \\ goes on on the next.";

pub(crate) fn run(places: &Places, args: &Chat, hardened: &hardening::Report) -> anyhow::Result<ExitCode> {
    if let (Some(url), Some(key)) = (&args.url, &args.key) {
        if !is_local(url) {
            bail!("--url must be http:// on this machine: elsewhere the key would travel unprotected");
        }
        return converse(Session::new(args, agent(), url, key)?);
    }
    // No server given: a private one, on a free port of the loopback interface, for as long as the chat lasts. It is confined as
    // any server is, and with it this terminal, so a broker connects the one to the other.
    let any = Address::Port((Ipv4Addr::LOCALHOST, 0).into());
    let listener = any.bind().context("no port of the loopback interface is free")?;
    let Address::Port(port) = listener.address()? else { bail!("the private server has no port") };
    let fetching = serve::prepare(places, &args.engine, None)?;
    let broker = Broker::start(&[port.to_string()])?;
    let places = &places.with_broker()?;
    let hardened = hardened.clone().with(process::confine(places, args.engine.device)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (running, key) = runtime.block_on(async {
        let mut running =
            Running::start(places, Reach::on(listener), &args.engine, 4, hardened).await.context(
                "a private server could not be started; if one runs already, name it with --url and --key",
            )?;
        running.load(places, &args.engine, 4, Some(fetching)).await?;
        let Some(AdminOutcome::Issued { secret, .. }) = running.gateway.mint_demo_key().await? else {
            bail!("the policy has no demonstration use case; start a server and use --url and --key")
        };
        Ok((running, secret))
    })?;
    let agent = ureq::Agent::with_parts(config(), ThroughBroker(broker), DefaultResolver::default());
    let outcome = running
        .url()
        .context("the private server has no port")
        .and_then(|url| Session::new(args, agent, &url, &key))
        .and_then(converse);
    runtime.block_on(async { running.stop("chat", Duration::from_secs(1), &mut Signals::new()?).await })?;
    outcome
}

/// Whether a URL stays on this machine.
pub(crate) fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = authority
        .strip_prefix('[')
        .and_then(|v6| v6.split(']').next())
        .unwrap_or_else(|| authority.rsplit_once(':').map_or(authority, |(host, _)| host));
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn config() -> ureq::config::Config {
    ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build()
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(config())
}

/// Connections to the private server, from a process that may open none.
struct ThroughBroker(Broker);

impl std::fmt::Debug for ThroughBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ThroughBroker")
    }
}

impl Connector<()> for ThroughBroker {
    type Out = Connected;

    /// To the one destination that the broker has, whatever the address says.
    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connected>, ureq::Error> {
        let (config, stream) = (details.config, TcpStream::from(self.0.connect(0)?));
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connected { stream, buffers }))
    }
}

/// A connection for one request. An answer takes as long as it takes, so nothing times out here.
struct Connected {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for Connected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connected")
    }
}

impl Transport for Connected {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output();
        Ok(self.stream.write_all(output.get(..amount).unwrap_or_default())?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let count = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// It is not kept for another request.
    fn is_open(&mut self) -> bool {
        false
    }
}

struct Session {
    agent: ureq::Agent,
    url: String,
    key: String,
    /// Empty where the key or token says it.
    use_case: String,
    model: String,
    system: Option<String>,
    messages: Vec<Value>,
    max_tokens: u32,
    temperature: f32,
    receipt: Option<Value>,
}

impl Session {
    fn new(args: &Chat, agent: ureq::Agent, url: &str, key: &str) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let mut session = Self {
            agent,
            url,
            key: key.to_owned(),
            use_case: args.use_case.clone().unwrap_or_default(),
            model: String::new(),
            system: args.system.clone(),
            messages: Vec::new(),
            max_tokens: args.max_tokens,
            temperature: args.temperature,
            receipt: None,
        };
        session.model = match &args.engine.model {
            Some(model) => model.clone(),
            None => session.first_model()?,
        };
        Ok(session)
    }

    fn first_model(&self) -> anyhow::Result<String> {
        let mut response = self
            .agent
            .get(format!("{}/models", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .header("OpenAI-Project", &self.use_case)
            .call()
            .context("the server cannot be reached")?;
        let body: Value =
            serde_json::from_reader(response.body_mut().as_reader()).context("an unreadable reply")?;
        match body.pointer("/data/0/id").and_then(Value::as_str) {
            Some(id) => Ok(id.to_owned()),
            None => bail!("{}", error_of(&body)),
        }
    }

    /// Sends the conversation and prints the answer as it comes.
    fn ask(&mut self, text: &str) -> anyhow::Result<()> {
        self.messages.push(json!({"role": "user", "content": text}));
        let system = self.system.iter().map(|text| json!({"role": "system", "content": text}));
        let messages: Vec<Value> = system.chain(self.messages.iter().cloned()).collect();
        let body = json!({
            "model": self.model,
            "messages": messages,
            "stream": true,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        });
        match self.stream(&body) {
            Ok(answer) => {
                self.messages.push(json!({"role": "assistant", "content": answer}));
                Ok(())
            }
            Err(error) => {
                // The question is taken back, so that the next one does not carry it along.
                self.messages.pop();
                Err(error)
            }
        }
    }

    fn stream(&mut self, body: &Value) -> anyhow::Result<String> {
        let response = self
            .agent
            .post(format!("{}/chat/completions", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .header("OpenAI-Project", &self.use_case)
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .context("the server cannot be reached")?;
        let status = response.status();
        let mut lines = BufReader::new(response.into_body().into_reader());
        if !status.is_success() {
            let body: Value = serde_json::from_reader(lines).context("an unreadable reply")?;
            bail!("{}", error_of(&body));
        }
        let (mut answer, mut line, mut out) = (String::new(), String::new(), std::io::stdout());
        loop {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                bail!("the answer broke off");
            }
            let Some(data) = line.trim_end().strip_prefix("data: ") else { continue };
            if data == "[DONE]" {
                writeln!(out)?;
                return Ok(answer);
            }
            let event: Value = serde_json::from_str(data).context("an unreadable event")?;
            if event.get("error").is_some() {
                bail!("{}", error_of(&event));
            }
            if let Some(receipt) = event.pointer("/proeftuin/receipt") {
                self.receipt = Some(receipt.clone());
            }
            if let Some(text) = event.pointer("/choices/0/delta/content").and_then(Value::as_str) {
                answer.push_str(text);
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
        }
    }

    /// A line that begins with a slash. Returns whether to go on.
    fn command(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "/help" => println!("{HELP}"),
            "/clear" => self.messages.clear(),
            "/system" => {
                self.system = Some(rest.trim().to_owned()).filter(|text| !text.is_empty());
                self.messages.clear();
            }
            "/receipt" => match &self.receipt {
                Some(receipt) => println!("{receipt:#}"),
                None => println!("there has been no answer yet"),
            },
            "/quit" | "/exit" => return false,
            _ => println!("there is no {word}; /help lists what there is"),
        }
        true
    }
}

pub(crate) fn error_of(body: &Value) -> String {
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (message, remedy) = (text("/error/message"), text("/error/remedy_nl"));
    if remedy.is_empty() { message.to_owned() } else { format!("{message}\n{remedy}") }
}

/// Reads lines until the end: with editing and history on a terminal, plainly from a pipe.
fn converse(mut session: Session) -> anyhow::Result<ExitCode> {
    if !std::io::stdin().is_terminal() {
        for line in std::io::stdin().lock().lines() {
            let line = line?;
            match line.trim() {
                "" => {}
                text if text.starts_with('/') => {
                    if !session.command(text) {
                        break;
                    }
                }
                text => session.ask(text)?,
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{} at {}. /help for help. The demonstration takes no personal data.",
        session.model, session.url
    );
    // History lives in this process only: what was typed is written nowhere.
    let mut editor = rustyline::DefaultEditor::new()?;
    let mut before = String::new();
    loop {
        match editor.readline(if before.is_empty() { "> " } else { "… " }) {
            Ok(line) => {
                if let Some(part) = line.strip_suffix('\\') {
                    before.push_str(part);
                    before.push('\n');
                    continue;
                }
                let text = std::mem::take(&mut before) + &line;
                let text = text.trim();
                // A full history only loses its oldest line.
                let _ = editor.add_history_entry(text);
                if text.starts_with('/') {
                    if !session.command(text) {
                        return Ok(ExitCode::SUCCESS);
                    }
                } else if !text.is_empty()
                    && let Err(error) = session.ask(text)
                {
                    eprintln!("{error:#}");
                }
            }
            Err(ReadlineError::Interrupted) => before.clear(),
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(error) => return Err(error.into()),
        }
    }
}
