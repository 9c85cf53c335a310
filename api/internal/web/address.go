package web

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Proxies are the networks of those whose word is believed on whom they pass on (X-Forwarded-For,
// -Proto, -Host).
type Proxies []netip.Prefix

// Believe says whether that peer's word is believed.
func (p Proxies) Believe(peer net.Addr) bool { return p.Have(AddressOf(peer)) }

// Have says whether an address is one of theirs.
func (p Proxies) Have(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// Behind gives the address of the client behind a peer. Each proxy adds to forwarded, at its end,
// where the request came to it from. So forwarded is read from its end, as long as the proxy that
// wrote it is believed. If a part of it that is read is no address, the peer is the client.
func (p Proxies) Behind(forwarded string, peer net.Addr) netip.Addr {
	own := AddressOf(peer)
	for client := own; ; {
		if !p.Have(client) || strings.Trim(forwarded, ", \t") == "" {
			return client
		}
		comma := strings.LastIndexByte(forwarded, ',')
		entry := strings.Trim(forwarded[comma+1:], " \t")
		if forwarded = forwarded[:max(comma, 0)]; entry == "" {
			continue // an empty element of a list counts for nothing (RFC 9110, section 5.6.1)
		}
		addr, ok := parseAddress(entry)
		if !ok {
			return own
		}
		client = addr
	}
}

// parseAddress takes an address as proxies write it: some with a port, and one of IPv6 in brackets
// then.
func parseAddress(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(inner[:len(inner)-1])
			if err != nil || !addr.Is6() {
				return netip.Addr{}, false
			}
		} else if withPort, err := netip.ParseAddrPort(s); err == nil {
			addr = withPort.Addr()
		} else {
			return netip.Addr{}, false
		}
	}
	return plainAddress(addr), true
}

// plainAddress gives each address one form: no zone, and of IPv4 if it stands for one.
func plainAddress(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// AddressOf gives a connection's peer; the zero address: it has none.
func AddressOf(peer net.Addr) netip.Addr {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return plainAddress(tcp.AddrPort().Addr())
}

// AddressText is for logs.
func AddressText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

// Client gives the address of the client whose request it is. It is what everything goes by that
// tells clients apart.
func (p Proxies) Client(c *fiber.Ctx) netip.Addr {
	return p.Behind(Lines(c, fiber.HeaderXForwardedFor), c.Context().RemoteAddr())
}
