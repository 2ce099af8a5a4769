//! Access tokens: fetched when one is needed, kept until some minutes before its end, and renewed once when a service refuses it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use super::{Answer, Client, form, forms, sensitive, without};
use crate::seconds;
use crate::secret::Secret;
use crate::sink::{Later, Verdict};

/// So long before its end a token is not used any more.
const EARLY: Duration = Duration::from_secs(300);

/// How long a token is taken to last that does not say it.
const UNSAID_SECS: f64 = 300.0;

/// What a token is asked for with: the fields of a form.
pub(crate) struct Grant {
    /// What may be shown.
    pub(crate) open: Vec<(&'static str, String)>,
    /// What shows who asks.
    pub(crate) secret: (&'static str, Secret),
}

impl Grant {
    fn form(&self) -> String {
        let open = self.open.iter().map(|(key, value)| (*key, value.as_str()));
        form(open.chain([(self.secret.0, self.secret.1.expose())]))
    }
}

type MakeGrant = dyn Fn() -> Result<Grant, String> + Send + Sync;

/// Tokens of one address.
pub(crate) struct Tokens {
    url: Url,
    grant: Box<MakeGrant>,
    /// The settings that say who asks.
    who: &'static str,
    /// The settings that say whom.
    what: &'static str,
    /// What came of the last fetch.
    last: Mutex<Option<Result<Held, Unable>>>,
    /// How many fetches there were.
    fetches: AtomicU64,
}

struct Held {
    token: Secret,
    until: Instant,
}

/// Why nothing could be sent.
#[derive(Debug, Clone)]
pub(crate) enum Unable {
    /// There is no answer, or none yet.
    Later(Later),
    /// Settings are wrong.
    Stop(String),
}

impl Unable {
    /// Why, for a person.
    pub(crate) fn reason(self) -> String {
        match self {
            Unable::Later(later) => later.reason,
            Unable::Stop(reason) => reason,
        }
    }
}

impl From<Later> for Unable {
    fn from(later: Later) -> Unable {
        Unable::Later(later)
    }
}

impl From<Unable> for Verdict {
    fn from(unable: Unable) -> Verdict {
        match unable {
            Unable::Later(later) => Verdict::Retry(later),
            Unable::Stop(reason) => Verdict::Stop(reason),
        }
    }
}

impl Tokens {
    /// `grant` makes what a token is asked for with, or says why it cannot.
    pub(crate) fn new(
        url: Url,
        grant: impl Fn() -> Result<Grant, String> + Send + Sync + 'static,
        who: &'static str,
        what: &'static str,
    ) -> Tokens {
        Tokens {
            url,
            grant: Box::new(grant),
            who,
            what,
            last: Mutex::default(),
            fetches: AtomicU64::new(0),
        }
    }

    /// Sends a request with a token, and once more with another token when the first is refused.
    pub(crate) async fn send(&self, client: &Client, request: RequestBuilder) -> Result<Answer, Unable> {
        let again = request.try_clone();
        let token = self.token(client, None).await?;
        let answer = send_with(client, request, &token).await?;
        match again {
            Some(again) if answer.status == StatusCode::UNAUTHORIZED => {
                let token = self.token(client, Some(&token)).await?;
                Ok(send_with(client, again, &token).await?)
            }
            _ => Ok(answer),
        }
    }

    /// A token, and until when it may be used.
    #[cfg(feature = "kafka")]
    pub(crate) async fn lasting(&self, client: &Client) -> Result<(Secret, Instant), Unable> {
        let token = self.token(client, None).await?;
        let until = match &*self.last.lock().await {
            Some(Ok(held)) if held.token == token => held.until,
            _ => Instant::now(),
        };
        Ok((token, until))
    }

    /// A token that is not the refused one.
    async fn token(&self, client: &Client, refused: Option<&Secret>) -> Result<Secret, Unable> {
        let before = self.fetches.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        // Whoever waited while a token was fetched shares what came of it.
        let is_new = self.fetches.load(Ordering::Acquire) != before;
        match &*last {
            Some(Ok(held)) if Some(&held.token) != refused && (is_new || Instant::now() < held.until) => {
                return Ok(held.token.clone());
            }
            Some(Err(unable)) if is_new => return Err(unable.clone()),
            _ => {}
        }
        let fetched = self.fetch(client).await;
        let token = fetched.as_ref().map(|held| held.token.clone()).map_err(Unable::clone);
        *last = Some(fetched);
        self.fetches.fetch_add(1, Ordering::Release);
        token
    }

    async fn fetch(&self, client: &Client) -> Result<Held, Unable> {
        let asked = Instant::now();
        let stop = |words: &str, settings: &str| Unable::Stop(format!("{words} (look at {settings})"));
        let grant = (self.grant)().map_err(|reason| stop(&reason, self.who))?;
        let request = client
            .request(Method::POST, self.url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(grant.form());
        let mut answer = client.send(request).await?;
        if answer.status.is_success() {
            let given: Option<Given<'_>> = serde_json::from_str(&answer.body).ok();
            if let Some(given) = given.filter(Given::is_usable) {
                let life = given.life();
                let until = asked.checked_add(life - EARLY.min(life / 2)).unwrap_or(asked);
                let token = given.access_token;
                return Ok(Held { token, until });
            }
            // It may have a token in it all the same.
            answer.body = String::new();
            return Err(stop(&format!("{} and gave no token", answer.words()), self.what));
        }
        answer.body = without(&answer.body, &forms(std::slice::from_ref(&grant.secret.1)));
        let refusal: Refusal<'_> = serde_json::from_str(&answer.body).unwrap_or_default();
        if matches!(refusal.error, "temporarily_unavailable" | "server_error") {
            return Err(answer.later().into());
        }
        match answer.verdict(self.who, self.what) {
            Verdict::Retry(later) => Err(later.into()),
            Verdict::Stop(reason) => Err(Unable::Stop(reason)),
            _ => Err(stop(&answer.words(), self.who)),
        }
    }
}

/// What a token's answer has in it.
#[derive(Deserialize)]
struct Given<'a> {
    access_token: Secret,
    /// Seconds, as a number or as a text.
    #[serde(borrow, default)]
    expires_in: Option<&'a RawValue>,
}

impl Given<'_> {
    fn is_usable(&self) -> bool {
        let token = self.access_token.expose();
        !token.is_empty() && HeaderValue::from_str(token).is_ok()
    }

    fn life(&self) -> Duration {
        let secs = self.expires_in.map(|secs| secs.get().trim_matches('"').parse());
        seconds::duration(secs.and_then(Result::ok).unwrap_or(UNSAID_SECS))
    }
}

/// What a refusal has in it.
#[derive(Default, Deserialize)]
struct Refusal<'a> {
    error: &'a str,
}

async fn send_with(client: &Client, request: RequestBuilder, token: &Secret) -> Result<Answer, Later> {
    let bearer = Secret::from(format!("Bearer {}", token.expose()));
    let sent = client.send(request.header(AUTHORIZATION, sensitive(&bearer))).await;
    match sent {
        Ok(mut answer) => {
            answer.body = without(&answer.body, &forms(std::slice::from_ref(token)));
            Ok(answer)
        }
        Err(later) => Err(Later {
            reason: without(&later.reason, &forms(std::slice::from_ref(token))),
            after: later.after,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tls;
    use super::super::fake::{Answered, Asked, Fake, answered};
    use super::*;

    const WHO: &str = "`secret`";
    const WHAT: &str = "`authority`";

    fn client() -> Client {
        let secrets = vec![Secret::from("a secret".to_owned())];
        Client::new(&Tls::default(), Duration::from_secs(10), secrets).unwrap()
    }

    fn tokens(fake: &Fake) -> Tokens {
        let grant = || {
            Ok(Grant {
                open: vec![
                    ("grant_type", "client credentials".to_owned()),
                    ("scope", "a/b".to_owned()),
                ],
                secret: ("client_secret", Secret::from("a secret".to_owned())),
            })
        };
        Tokens::new(format!("{}/token", fake.address).parse().unwrap(), grant, WHO, WHAT)
    }

    /// Gives a token, another one each time, that counts for the answers which `is_taken` says.
    async fn service(expires_in: &'static str, is_taken: fn(&str) -> bool) -> Fake {
        let given = AtomicU64::new(0);
        Fake::start(move |asked: &Asked| -> Answered {
            if asked.uri.path() == "/token" {
                assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
                assert_eq!(
                    asked.text(),
                    "grant_type=client+credentials&scope=a%2Fb&client_secret=a+secret"
                );
                let number = given.fetch_add(1, Ordering::Relaxed);
                let token = format!("{{\"access_token\":\"token-{number}\",\"expires_in\":{expires_in},\"a\":1}}");
                return answered(200, token);
            }
            let token = asked
                .header("authorization")
                .strip_prefix("Bearer ")
                .unwrap_or_default();
            answered(
                if is_taken(token) { 200 } else { 401 },
                format!("for {token}: {}", asked.text()),
            )
        })
        .await
    }

    async fn send(tokens: &Tokens, client: &Client, fake: &Fake) -> Result<Answer, Unable> {
        let url = format!("{}/in", fake.address).parse().unwrap();
        let request = client.request(Method::POST, url).body("body");
        tokens.send(client, request).await
    }

    fn fetches(fake: &Fake) -> usize {
        fake.asked().iter().filter(|asked| asked.uri.path() == "/token").count()
    }

    #[tokio::test]
    async fn a_token_is_fetched_once_for_all_and_kept() {
        for (expires_in, expected) in [("3599", 1), ("\"3599\"", 1), ("null", 1), ("0", 4)] {
            let fake = service(expires_in, |token| !token.is_empty()).await;
            let (client, tokens) = (client(), tokens(&fake));
            let (a, b, c) = tokio::join!(
                send(&tokens, &client, &fake),
                send(&tokens, &client, &fake),
                send(&tokens, &client, &fake),
            );
            for answer in [a, b, c] {
                assert_eq!(answer.unwrap().status, 200);
            }
            assert_eq!(fetches(&fake), 1, "{expires_in}");
            for _ in 0..3 {
                send(&tokens, &client, &fake).await.unwrap();
            }
            assert_eq!(fetches(&fake), expected, "{expires_in}");
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_once() {
        let fake = service("3599", |token| token == "token-1").await;
        let (client, tokens) = (client(), tokens(&fake));
        let answer = send(&tokens, &client, &fake).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "for ***: body"));
        assert_eq!(fake.asked().len(), 4);
        send(&tokens, &client, &fake).await.unwrap();
        assert_eq!(fake.asked().len(), 5);

        let fake = service("3599", |_| false).await;
        let tokens = self::tokens(&fake);
        let answer = send(&tokens, &client, &fake).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (401, "for ***: body"));
        assert_eq!((fetches(&fake), fake.asked().len()), (2, 4));
    }

    #[tokio::test]
    async fn those_who_wait_share_a_refusal() {
        let fake = Fake::start(|_| answered(503, "busy")).await;
        let (client, tokens) = (client(), tokens(&fake));
        let (a, b) = tokio::join!(send(&tokens, &client, &fake), send(&tokens, &client, &fake));
        assert!(matches!((a, b), (Err(Unable::Later(_)), Err(Unable::Later(_)))));
        assert_eq!(fake.asked().len(), 1);
        let later = send(&tokens, &client, &fake).await;
        assert!(matches!(later, Err(Unable::Later(_))));
        assert_eq!(fake.asked().len(), 2);
    }

    #[tokio::test]
    async fn settings_stop_and_outages_do_not() {
        let refused = r#"{"error":"invalid_client","error_description":"not a secret"}"#;
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, Some(WHO)),
            (401, refused, Some(WHO)),
            (403, "", Some(WHO)),
            (404, "", Some(WHAT)),
            (302, "", Some(WHAT)),
            (200, "<html>", Some(WHAT)),
            (200, r#"{"access_token":""}"#, Some(WHAT)),
            (200, r#"{"access_token":"a\nb"}"#, Some(WHAT)),
            (400, r#"{"error":"temporarily_unavailable"}"#, None),
            (429, "", None),
            (500, "", None),
            (503, refused, None),
        ] {
            let fake = Fake::start(move |_| (status, vec![("retry-after", "7".to_owned())], body.to_owned())).await;
            match (send(&tokens(&fake), &client(), &fake).await.unwrap_err(), expected) {
                (Unable::Stop(reason), Some(settings)) => {
                    assert!(reason.contains(settings) && !reason.contains("a secret"), "{reason}");
                    assert!(!reason.contains("a\\nb"), "{reason}");
                }
                (Unable::Later(later), None) => assert_eq!(later.after, Some(Duration::from_secs(7))),
                (other, _) => panic!("{status} {body}: {other:?}"),
            }
        }
        let grant = || Err("the key signs nothing".to_owned());
        let tokens = Tokens::new("http://127.0.0.1:1/".parse().unwrap(), grant, WHO, WHAT);
        let unable = tokens.token(&client(), None).await.unwrap_err();
        assert_eq!(unable.reason(), "the key signs nothing (look at `secret`)");
    }
}
