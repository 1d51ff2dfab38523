//! The port to the mail: the embedded form writes letters into a folder, for a laptop and for tests.

mod letter;

use std::path::{Path, PathBuf};

use souk_core::any::PersonTemplate;
use souk_core::ids::{BuyerId, OrderId, UserId, VendorId};
use souk_core::journal::EffectId;
use souk_core::person::Purpose;
use tokio::io::AsyncWriteExt as _;

use crate::tenants::ServerKey;
use crate::tenants::tokens::SignedToken;

pub use letter::Letter;

/// Makes the links and tokens that letters have.
#[derive(Clone, Debug)]
pub struct Links {
    /// What they begin with.
    pub public_url: String,
    /// Signs them.
    pub server_key: ServerKey,
}

impl Links {
    /// Shows the order to whoever follows it. The token stands behind the question mark: what stands there is not
    /// logged.
    pub fn to_order(&self, order: OrderId, buyer: BuyerId) -> String {
        let token = self.server_key.order_token(order, buyer);
        let url = self.public_url.trim_end_matches('/');
        format!("{url}/v1/store/orders/{order}?token={}", token.expose())
    }

    /// What lets whoever gets an invitation accept it.
    pub fn invitation(&self, vendor: VendorId, invitation: u32) -> SignedToken {
        self.server_key.invitation_token(vendor, invitation)
    }

    /// What shows that whoever has it got this letter; `None` for a letter that asks nothing.
    pub fn letter_token(&self, template: PersonTemplate, person: UserId) -> Option<SignedToken> {
        let (purpose, token) = match template {
            PersonTemplate::VerifyMail { token } => (Purpose::Verify, token),
            PersonTemplate::ResetPassword { token } => (Purpose::Reset, token),
            PersonTemplate::PasswordChanged
            | PersonTemplate::HasAccount
            | PersonTemplate::SecondFactorOn
            | PersonTemplate::SecondFactorOff
            | PersonTemplate::RecoveryCodeUsed => return None,
        };
        Some(self.server_key.letter_token(purpose, person, token))
    }
}

/// Who carries letters.
#[derive(Clone, Debug)]
pub enum Mailer {
    /// Into this folder, one file a letter.
    Folder(PathBuf),
    /// Nowhere: every letter counts as sent. For benches and bulk replays.
    Discard,
}

/// A letter that could not be handed over.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the letter to {}: check that the folder exists and that this user may write there", path.display())]
pub struct MailError {
    path: PathBuf,
    source: std::io::Error,
}

impl Mailer {
    /// Hands a letter over. Its name is that of the order to send it, so doing it twice leaves one letter.
    ///
    /// # Errors
    /// When it could not be handed over; it may be tried again.
    pub async fn send(&self, id: EffectId, letter: &Letter) -> Result<(), MailError> {
        match self {
            Mailer::Discard => Ok(()),
            Mailer::Folder(folder) => {
                let path = folder.join(format!("{}-{}-{}.eml", id.stream, id.seq, id.n));
                let failed = |source| MailError { path: path.clone(), source };
                tokio::fs::create_dir_all(folder).await.map_err(failed)?;
                // Renamed when whole: whoever watches the folder never sees half a letter.
                let unfinished = path.with_extension("part");
                write_private(&unfinished, &letter.to_text()).await.map_err(failed)?;
                tokio::fs::rename(&unfinished, &path).await.map_err(failed)
            }
        }
    }
}

/// Writes a file that no other user of the machine may read: it names a person.
async fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(path).await?;
    file.write_all(text.as_bytes()).await?;
    file.flush().await
}
