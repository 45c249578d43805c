//! `catgraft secret-key`, `token` and `validate-token`: keys, and tokens made and checked with them.
//!
//! A key is read from a file, from stdin or, because Graft's own tool has it so, from the command line.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use catgraft_core::{Clock as _, SystemClock};
use catgraft_service::{
    Secret,
    token::{Role, TokenKey, generate_key},
};
use clap::{Args, builder::NonEmptyStringValueParser};
use serde_json::json;

use crate::output::{Output, record};

/// Most bytes that are read of a key or a token; both are far shorter.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

const TOKEN_EXAMPLES: &str = "\
Examples:
  catgraft token --sk-file auth.key alice
  catgraft token --sk-file auth.key --expires 30d build-machine
  catgraft token --sk-file auth.key --role pagestore pagestore-1
  pass show catgraft | catgraft token --sk - alice";

/// Print a new key for tokens
///
/// Services take it as auth.key or auth.key_file. Whoever has it can make tokens.
#[derive(Debug, Args)]
pub(crate) struct SecretKeyArgs {
    #[command(flatten)]
    output: Output,
}

/// Print a new token
#[derive(Debug, Args)]
#[command(after_help = TOKEN_EXAMPLES)]
pub(crate) struct TokenArgs {
    /// Who the token is for
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    subject: String,
    #[command(flatten)]
    key: KeyArgs,
    /// How long it is valid, such as 12h or 30d; without it, for ever
    #[arg(long, value_name = "TIME", value_parser = parse_expires)]
    expires: Option<Duration>,
    /// What it permits beyond the calls of clients: pagestore, for the calls from a pagestore to a metastore
    #[arg(long)]
    role: Option<Role>,
    #[command(flatten)]
    output: Output,
}

/// Check a token, and print who it belongs to
///
/// Ends with exit code 1 and the reason if the token is not valid now.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The token; without it, it is read from stdin
    token: Option<String>,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct KeyArgs {
    /// The key, or - to read it from stdin. Command lines are visible to every user of a machine: prefer --sk-file
    #[arg(long, value_name = "KEY", value_parser = parse_secret)]
    sk: Option<Secret>,
    /// File that holds the key
    #[arg(long, value_name = "FILE")]
    sk_file: Option<PathBuf>,
}

impl KeyArgs {
    fn is_stdin(&self) -> bool {
        self.sk.as_ref().is_some_and(|key| key.expose() == "-")
    }

    fn read(&self) -> Result<TokenKey> {
        let text = match (&self.sk, &self.sk_file) {
            (Some(_), _) if self.is_stdin() => read_short(io::stdin(), "stdin")?,
            (Some(key), _) => key.expose().to_owned(),
            (None, Some(path)) => {
                let file =
                    fs::File::open(path).with_context(|| format!("cannot read the key in {}", path.display()))?;
                read_short(file, &path.display().to_string())?
            }
            (None, None) => bail!("give the key with --sk-file"),
        };
        TokenKey::from_hex(&Secret::new(text.trim())).context("this is no key")
    }
}

/// Prints a new key.
pub(crate) fn secret_key(args: &SecretKeyArgs) -> Result<()> {
    let key = generate_key();
    args.output.show(&json!({ "key": key.expose() }), || key.expose().to_owned())
}

/// Prints a new token.
pub(crate) fn issue(args: &TokenArgs) -> Result<()> {
    let token = args.key.read()?.issue(&args.subject, args.role, args.expires, SystemClock.now());
    args.output.show(&json!({ "token": token }), || token.clone())
}

/// Tells whether a token is valid now.
pub(crate) fn validate(args: &ValidateArgs) -> Result<ExitCode> {
    let key = args.key.read()?;
    let token = match &args.token {
        Some(token) => token.clone(),
        None => {
            ensure!(!args.key.is_stdin(), "key and token cannot both come from stdin: give the key with --sk-file");
            read_short(io::stdin(), "stdin")?
        }
    };
    match key.validate(token.trim(), SystemClock.now()) {
        Ok(claims) => {
            let role = claims.role.map(|role| role.to_string());
            let value = json!({ "valid": true, "subject": claims.subject, "role": role });
            args.output.show(&value, || {
                let role = role.map(|role| ("role", role));
                record([("subject", claims.subject.clone())].into_iter().chain(role))
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            if args.output.is_json() {
                args.output.show(&json!({ "valid": false, "reason": reason.to_string() }), String::new)?;
                return Ok(ExitCode::FAILURE);
            }
            Err(reason).context("the token is not valid")
        }
    }
}

/// Reads a text that is not longer than any key or token.
fn read_short(source: impl Read, name: &str) -> Result<String> {
    let mut text = String::new();
    let len =
        source.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    ensure!(len as u64 <= INPUT_BYTES_MAX, "{name} is longer than any key or token");
    Ok(text)
}

/// For arguments that are secret: a refusal would quote them, so nothing is refused here.
pub(crate) fn parse_secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn parse_expires(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("a token that is never valid is of no use".to_owned()),
        Ok(expires) => Ok(expires),
        Err(error) => Err(error.to_string()),
    }
}
