package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestRegisteringIsLimitedByAddress(t *testing.T) {
	s, _ := own(
		t,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_REGISTER_LIMIT=3"}},
	)
	register := func(email, address string) string {
		return s.Ask(Request{
			Method: "POST", Path: Base + "/auth/register", Header: from(address), Wrong: true,
			JSON: object{"username": "A", "email": email, "password": "12345678"}}).
			Code()
	}
	for range 5 {
		require.Equal(
			t,
			"400 invalid email",
			register("none", "192.0.2.1"),
			"what looks nothing up costs nothing",
		)
	}
	require.Equal(t, "201", register("a@example.org", "192.0.2.1"))
	require.Equal(t, "409 email_taken", register("a@example.org", "192.0.2.1"))
	require.Equal(t, "409 email_taken", register("a@example.org", "192.0.2.1"))
	require.Equal(
		t,
		"429 too_many_requests",
		register("a@example.org", "192.0.2.1"),
		"nobody asks for many addresses",
	)
	require.Equal(t, "429 too_many_requests", register("b@example.org", "192.0.2.1"))
	require.Equal(t, "201", register("b@example.org", "192.0.2.2"))
}

func TestWrongPasswordsAreLimitedAndNobodyLocksAPersonOut(t *testing.T) {
	s, _ := own(
		t,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_WRONG_PASSWORDS=3"}},
	)
	p := s.Register()
	logIn := func(email, password, address string) *Answer {
		return s.Ask(
			Request{Method: "POST", Path: Base + "/auth/login", Header: from(address), Wrong: true,
				JSON: object{"email": email, "password": password}},
		)
	}
	for range 10 { // a right one costs nothing
		require.Equal(t, 200, logIn(p.Email, p.Password, "192.0.2.7").Status)
	}
	for _, email := range []string{p.Email, "nobody@example.org"} {
		for i := range 3 {
			a := logIn(email, "wrong password", "192.0.2."+string(rune('1'+i)))
			require.Equal(t, "401 wrong_password", a.Code())
			require.Equal(t, `Bearer realm="account"`, a.Header.Get("WWW-Authenticate"))
		}
		a := logIn(strings.ToUpper(email), p.Password, "192.0.2.4")
		require.Equal(
			t,
			"429 too_many_requests",
			a.Code(),
			"of all addresses together, for a known and an unknown account",
		)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	require.Equal(
		t,
		200,
		logIn(p.Email, p.Password, "192.0.2.7").Status,
		"where the person was before, they are not held",
	)

	begun, tried := time.Now(), 0
	for logIn(uuid.NewString()+"@example.org", "wrong password", "192.0.2.9").Status == 401 {
		tried++
	}
	require.GreaterOrEqual(t, tried, 30, "an address may try ten times as many")
	require.LessOrEqual(
		t,
		tried,
		31+int(time.Since(begun).Seconds()/2),
		"and one more every two seconds",
	)
	require.Equal(
		t,
		"401 wrong_password",
		logIn(uuid.NewString()+"@example.org", "wrong password", "192.0.2.10").Code(),
	)
}

func TestAHallThatLogsInBehindOneAddressIsNotLimited(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: append([]string{
		"PLENARY_REGISTER_LIMIT=10", "PLENARY_WRONG_PASSWORDS=10",
	}, asDelivered...)})
	const hall = "192.0.2.1"
	var people []*Person
	for range 8 {
		people = append(people, s.Register())
	}
	logIn := func(p *Person) *Answer {
		return s.Do(Request{
			Method: "POST", Path: Base + "/auth/login", Header: from(hall),
			JSON: object{"email": p.Email, "password": p.Password},
		})
	}
	// More than the address has requests, and than it has wrong passwords.
	concurrently(160, func(i int) {
		a := logIn(people[i%len(people)])
		for begun := time.Now(); a.Status == 503 && time.Since(begun) < 5*time.Minute; {
			if a.Header.Get("Retry-After") != "1" {
				t.Errorf("%v", a)
			}
			a = logIn(people[i%len(people)])
		}
		if a.Status != 200 {
			t.Errorf("%v", a)
		}
	})
	require.GreaterOrEqual(t, allowed(t, s.replicas, 300, hall), 100, "nothing was taken from it")
}
