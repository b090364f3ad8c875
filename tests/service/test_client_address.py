"""Where a request comes from: only what our own proxies have written down counts, whatever a caller writes."""

import pytest
from studyhall.errors import ConfigurationError
from studyhall.settings import Settings
from studyhall.web.client_address import agent_of, client_address, networks

TRUSTED = networks("127.0.0.0/8, ::1, 10.9.0.0/24")
EVIL = "203.0.113.66"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        # Nobody's proxy: what the caller wrote about itself counts for nothing.
        ("198.51.100.7", [EVIL], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        # The caller wrote a header of its own, and the proxy added where it was called from.
        ("127.0.0.1", [f"{EVIL}, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", [EVIL, "198.51.100.7"], "198.51.100.7"),
        # A caller that pretends to be one of ours.
        ("127.0.0.1", [f"{EVIL}, 127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        # TLS in front of the hub's proxy, both ours.
        ("10.9.0.4", ["198.51.100.7, 10.9.0.2"], "198.51.100.7"),
        ("10.9.0.4", [f"{EVIL}, 198.51.100.7, 10.9.0.2"], "198.51.100.7"),
        # Somebody on the machine itself.
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", [EVIL], None),
        ("/run/service.sock", [EVIL], None),
    ],
)
def test_an_address_is_read_backwards_through_our_own_proxies(peer, forwarded, expected):
    assert client_address(peer, forwarded, TRUSTED) == expected


def test_without_proxies_of_ours_nothing_forwarded_counts():
    assert client_address("127.0.0.1", [EVIL], networks("")) == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (None, None),
        ("", None),
        ("\x00\r\n", None),
        (" Firefox\x1b[31m ", "Firefox[31m"),
        ("a" * 999, "a" * 300),
    ],
)
def test_what_a_program_says_of_itself_is_one_short_line(header, kept):
    assert agent_of(header) == kept


def test_a_setting_that_is_no_list_of_networks_is_refused():
    with pytest.raises(ConfigurationError, match="STUDYHALL_TRUSTED_PROXIES"):
        Settings(trusted_proxies="the proxy")
