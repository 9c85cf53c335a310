package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

const lowestPort = 10000

var (
	portsMu sync.Mutex
	// never twice in one process, so that a restarted server finds its port free
	handed = map[int]bool{}
)

// freePort picks a port of 127.0.0.1 that nobody listens on. The port stays below the range from
// which the kernel serves outgoing connections. A port from that range ("listen on 0") may be
// taken by any client on the machine while its server is being restarted.
func freePort() (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	highest := ephemeralStart()
	for range 1000 {
		port := lowestPort + rand.IntN(highest-lowestPort)
		if !handed[port] && bindable(port) {
			handed[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d on 127.0.0.1", lowestPort, highest)
}

func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

// bindable tells whether a server could listen on the port now.
func bindable(port int) bool {
	l, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func ephemeralStart() int {
	raw, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if fields := strings.Fields(string(raw)); err == nil && len(fields) == 2 {
		if n, err := strconv.Atoi(fields[0]); err == nil && n > lowestPort+1000 {
			return n
		}
	}
	return 32768
}
