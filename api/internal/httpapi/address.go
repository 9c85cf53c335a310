package httpapi

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// clientAddr gives the address that a request comes from: the peer's, or what a proxy on this machine says of it.
func (s *Server) clientAddr(c *fiber.Ctx) netip.Addr {
	peer, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := peer.AddrPort().Addr().Unmap()
	if !addr.IsLoopback() {
		return addr
	}
	forwarded := c.Get(fiber.HeaderXForwardedFor)
	last := strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
	if said, err := netip.ParseAddr(last); err == nil {
		return said.Unmap()
	}
	return addr
}
