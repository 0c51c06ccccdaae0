//! The public endpoints of accounts, sessions and addresses.
mod addresses;
mod keys;

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, USER_AGENT},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use kernel::{
    Body, Caller, Condition, IdempotencyKey, Location, NoStore, Page, PageQuery, Path, Problem, Query, Role, SignedIn,
    Tagged,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{Credentials, Error, NewUser, Session, SessionId, Tokens, User, UserId, UserPatch, Users, forms};

type Api = State<Arc<dyn Users>>;

pub(crate) fn router(api: Arc<dyn Users>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(kernel::routes!(register, list))
        .routes(kernel::routes!(me, update))
        .routes(kernel::routes!(get))
        .routes(kernel::routes!(set_role))
        .routes(kernel::routes!(sign_in))
        .routes(kernel::routes!(refresh))
        .routes(kernel::routes!(sign_out))
        .routes(kernel::routes!(sessions))
        .routes(kernel::routes!(end_session))
        .routes(kernel::routes!(addresses::addresses, addresses::add_address))
        .routes(kernel::routes!(addresses::set_address, addresses::remove_address))
        .routes(kernel::routes!(keys::keys))
        .with_state(api)
}

/// A refusal; one of too many attempts says when to try again (RFC 9110, section 10.2.3).
struct Refused(Error);

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let retry_after = match self.0 {
            Error::TooManyAttempts { retry_after } => Some(HeaderValue::from(retry_after)),
            _ => None,
        };
        let mut response = Problem::from(self.0).into_response();
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, retry_after);
        }
        response
    }
}

/// What signs in, in its own words.
struct UserAgent(String);

impl<S: Send + Sync> FromRequestParts<S> for UserAgent {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let agent = parts.headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
        Ok(Self(agent.unwrap_or_default()))
    }
}

/// Every client sends it by itself.
impl kernel::Argument for UserAgent {}

/// Opens a customer's account.
#[utoipa::path(post, path = "/v1/users", responses((status = 201, body = User)))]
async fn register(State(api): Api, Body(user): Body<NewUser>) -> Result<(StatusCode, Location, Tagged<User>), Refused> {
    let user = api.register(user).await?;
    Ok((StatusCode::CREATED, Location("/v1/users/me".into()), Tagged(user.version, user)))
}

/// Lists accounts by e-mail address. Staff.
#[utoipa::path(get, path = "/v1/users", responses((status = 200, body = Page<User>)))]
async fn list(State(api): Api, caller: Caller, Query(page): Query<PageQuery>) -> Result<Json<Page<User>>, Refused> {
    Ok(Json(api.list(caller, page).await?))
}

/// Shows one's own account.
#[utoipa::path(get, path = "/v1/users/me", responses((status = 200, body = User)))]
async fn me(State(api): Api, caller: Caller) -> Result<Tagged<User>, Refused> {
    let id = UserId(caller.account()?);
    let user = api.get(caller, id).await?;
    Ok(Tagged(user.version, user))
}

/// Changes one's own account. A new password ends every other session.
#[utoipa::path(patch, path = "/v1/users/me", responses((status = 200, body = User)))]
async fn update(
    State(api): Api,
    caller: Caller,
    if_match: Condition,
    Body(patch): Body<UserPatch>,
) -> Result<Tagged<User>, Refused> {
    let user = api.update(caller, patch, if_match).await?;
    Ok(Tagged(user.version, user))
}

/// Shows an account. Staff.
#[utoipa::path(get, path = "/v1/users/{id}", responses((status = 200, body = User)))]
async fn get(State(api): Api, caller: Caller, Path(id): Path<UserId>) -> Result<Tagged<User>, Refused> {
    let user = api.get(caller, id).await?;
    Ok(Tagged(user.version, user))
}

/// What an account is to be allowed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleForm {
    /// The role.
    role: Role,
}

/// Changes what an account may do, and ends its sessions. Admins.
#[utoipa::path(put, path = "/v1/users/{id}/role", responses((status = 200, body = User)))]
async fn set_role(
    State(api): Api,
    caller: Caller,
    Path(id): Path<UserId>,
    if_match: Condition,
    Body(form): Body<RoleForm>,
) -> Result<Tagged<User>, Refused> {
    let user = api.set_role(caller, id, form.role, if_match).await?;
    Ok(Tagged(user.version, user))
}

/// Signs in: begins a session.
#[utoipa::path(post, path = "/v1/sessions", responses((status = 201, body = Tokens)))]
async fn sign_in(
    State(api): Api,
    UserAgent(agent): UserAgent,
    Body(credentials): Body<Credentials>,
) -> Result<(StatusCode, NoStore, SignedIn, Json<Tokens>), Refused> {
    let tokens = api.sign_in(credentials, agent).await?;
    Ok((StatusCode::CREATED, NoStore, SignedIn { user_id: tokens.user.id.0 }, Json(tokens)))
}

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshForm {
    /// As it was given, once.
    #[schema(value_type = forms::Token, inline)]
    refresh_token: String,
}

/// Exchanges a refresh token for new tokens, once.
///
/// The same again within some seconds, or with the same `Idempotency-Key` within some minutes, gets the same refresh
/// token, unless that was used. After that, one that comes back has been copied: its session ends.
#[utoipa::path(post, path = "/v1/sessions/refresh", responses((status = 200, body = Tokens)))]
async fn refresh(
    State(api): Api,
    IdempotencyKey(key): IdempotencyKey,
    Body(form): Body<RefreshForm>,
) -> Result<(StatusCode, NoStore, Json<Tokens>), Refused> {
    let tokens = api.refresh(form.refresh_token, Some(key)).await?;
    Ok((StatusCode::OK, NoStore, Json(tokens)))
}

/// Signs out: ends the session that asks.
#[utoipa::path(delete, path = "/v1/sessions/current", responses((status = 204)))]
async fn sign_out(State(api): Api, caller: Caller) -> Result<StatusCode, Refused> {
    api.sign_out(caller, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's sessions, the latest first.
#[utoipa::path(get, path = "/v1/users/me/sessions", responses((status = 200, body = Page<Session>)))]
async fn sessions(State(api): Api, caller: Caller) -> Result<Json<Page<Session>>, Refused> {
    Ok(Json(Page { items: api.sessions(caller).await?, next: None }))
}

/// Ends one of one's sessions.
#[utoipa::path(delete, path = "/v1/users/me/sessions/{id}", responses((status = 204)))]
async fn end_session(State(api): Api, caller: Caller, Path(id): Path<SessionId>) -> Result<StatusCode, Refused> {
    api.sign_out(caller, Some(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
