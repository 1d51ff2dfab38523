//! Networks, as events may name them: by a number that says nothing to anybody who does not have the server's secret.

use std::net::IpAddr;

use super::server_key::ServerKey;

const NETWORK: &str = "souk/1/network of a failure";

impl ServerKey {
    /// The number of a network from which somebody tries to sign in with this mail address (see
    /// [`ServerKey::mail_number`]). Each address has its own numbers: two accounts that somebody tried from one place do not
    /// show it.
    pub fn network_number(&self, mail: u128, network: Option<IpAddr>) -> u64 {
        let network = network.map(|network| match network.to_canonical() {
            IpAddr::V4(network) => network.octets().to_vec(),
            IpAddr::V6(network) => network.octets().to_vec(),
        });
        let hash = self.mac_128(NETWORK, &[&mail.to_be_bytes(), network.as_deref().unwrap_or_default()]);
        (hash >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_one_address_one_network_and_one_server() {
        let key = ServerKey::from_bytes([1; 32]);
        let of = |mail, network: &str| key.network_number(mail, network.parse().ok());
        let numbers =
            [of(1, "192.0.2.1"), of(2, "192.0.2.1"), of(1, "192.0.2.2"), of(1, "2001:db8::"), of(1, "none")];
        for (at, number) in numbers.iter().enumerate() {
            assert!(!numbers[..at].contains(number), "{at}");
        }
        assert_eq!(of(1, "::ffff:192.0.2.1"), of(1, "192.0.2.1"), "the same network in another spelling");
        let other = ServerKey::from_bytes([2; 32]);
        assert_ne!(other.network_number(1, "192.0.2.1".parse().ok()), of(1, "192.0.2.1"));
    }
}
