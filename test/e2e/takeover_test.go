// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/setting"
	"tcpledger/test/wait"
)

// lives is how many agents follow each other in a test.
func lives(t *testing.T) int { return setting.Number(t, "TCPLEDGER_TEST_LIVES", 3) }

// takeover are the flags of agents that follow each other.
func takeover(t *testing.T) []string {
	t.Helper()
	return append(roomy[:len(roomy):len(roomy)], "--pins", lab.Pins(t), "--journal", t.TempDir(), "--spool", filepath.Join(t.TempDir(), "spool"))
}

// storming makes connections without a pause while f runs, and gives how many.
func storming(actor *lab.Actor, l *lab.Lab, f func()) uint64 {
	const round = 20
	var over atomic.Bool
	made, done := uint64(0), make(chan struct{})
	go func() {
		defer close(done)
		for !over.Load() {
			actor.Storm(l.A.IPv4, round)
			made += round
		}
	}()
	f()
	over.Store(true)
	<-done
	return made
}

// complete reports whether the tables hold all that the checkpoints promise: other tables may be a moment behind that of the checkpoints.
func (c *chain) complete() bool {
	for _, s := range c.proofs() {
		if !s.Complete() {
			return false
		}
	}
	return true
}

func (c *chain) proofs() []query.Proof {
	everything := query.Window{From: time.Unix(0, 0), To: time.Now().Add(time.Hour)}
	sessions, err := query.New(c.db, schema.Database, time.Minute).Proof(c.t.Context(), everything, query.Filter{})
	require.NoError(c.t, err)
	return sessions
}

func (c *chain) proof() string { return fmt.Sprintf("%+v", c.proofs()) }

// lazily is text that is made when a test fails.
type lazily func() string

func (f lazily) String() string { return f() }

// caughtUp waits until the agent has read what the ring had kept for it: an agent that dies before that reads less than what comes.
func (c *chain) caughtUp() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		r, err := http.Get("http://" + c.agentAddr + "/metrics")
		if err != nil {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return false
		}
		found := lag.FindSubmatch(body)
		if found == nil {
			return false
		}
		seconds, err := strconv.ParseFloat(string(found[1]), 64)
		return err == nil && seconds > 0 && seconds < 1
	}, wait.Long, 50*time.Millisecond, "the agent does not catch up")
}

var lag = regexp.MustCompile(`(?m)^tcpledger_agent_lag_seconds (\S+)$`)

// TestTakeover kills agents, or stops them as an upgrade does, again and again under load. It is one session; the audit finds nothing
// unaccounted for and nothing twice; a stop loses nothing, and a kill only what it tells.
func TestTakeover(t *testing.T) {
	for name, end := range map[string]func(*process){"kill": (*process).kill, "stop": (*process).stop} {
		for broker, kafka := range kafkas() {
			t.Run(name+"/"+broker, func(t *testing.T) {
				c := newChain(t, kafka(t))
				flags := takeover(t)
				c.startAgent(flags...)
				c.caughtUp()
				l := lab.New(t)
				actor := l.A.Actor(t, "storm")
				var away, longest time.Duration
				made := storming(actor, l, func() {
					for range lives(t) {
						end(c.agent)
						began := time.Now()
						c.startAgent(flags...)
						took := time.Since(began)
						away, longest = away+took, max(longest, took)
						c.caughtUp()
					}
				})
				require.NoError(t, c.agent.cmd.Process.Signal(syscall.SIGINT))
				select {
				case err := <-c.agent.done:
					c.agent.done <- nil
					require.NoError(t, err, "%s", &c.agent.said)
				case <-time.After(wait.Long):
					t.Fatal("the agent does not end")
				}
				c.eventually(1, "SELECT count() FROM tcpledger.checkpoints WHERE phase = 'end'")
				require.Eventually(t, c.complete, wait.Long, 200*time.Millisecond, "%s", lazily(c.proof))
				c.requireComplete()
				require.Equal(t, uint64(1), c.count("SELECT uniqExact(session) FROM tcpledger.checkpoints"))
				ofStorm := "SELECT count() FROM tcpledger.connections WHERE netns_cookie = ?"
				lost := c.count("SELECT toUInt64(sum(seq_to - seq_from + 1)) FROM tcpledger.loss")
				killed := c.count("SELECT toUInt64(sum(seq_to - seq_from + 1)) FROM tcpledger.loss WHERE cause = ?", schema.LossAgentKilled)
				promised := uint64(0)
				for _, session := range c.proofs() {
					promised += session.Promised
				}
				t.Logf("%s: %d numbers, %d lives, %d connections made, %d ends in the table, %d numbers lost, %d of them agent_killed; an agent was away %s on average, %s at most",
					name, promised, lives(t), made, c.count(ofStorm, l.A.Cookie(t)), lost, killed, away/time.Duration(lives(t)), longest)
				if name == "stop" {
					require.Zero(t, lost)
					require.Equal(t, 2*made, c.count(ofStorm, l.A.Cookie(t)))
				}
			})
		}
	}
}
