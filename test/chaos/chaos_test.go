// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
	"tcpledger/test/lab"
	"tcpledger/test/programs"
	"tcpledger/test/setting"
	"tcpledger/test/wait"
)

// TestChaos does bad things to the parts in an order that follows from the seed, while both agents record. At the end the audit, run as a
// person runs it, finds every number once or in a loss.
func TestChaos(t *testing.T) {
	if os.Getenv("TCPLEDGER_TEST_QUICK") != "" {
		t.Skip("the quick run has no Apache Kafka")
	}
	seed := setting.Number(t, "TCPLEDGER_TEST_CHAOS_SEED", 1)
	steps := setting.Number(t, "TCPLEDGER_TEST_CHAOS_STEPS", 8)
	s := newStack(t, setting.Number(t, "TCPLEDGER_TEST_CHAOS_RATE", 500))
	stop := s.storm()
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	t.Logf("seed %d, %d steps", seed, steps)
	end, _ := t.Deadline()
	done := s.run(random, steps, end)
	require.NotEmpty(t, done, "no time for a step: give -timeout more")
	to := s.settled()
	stop()
	s.replay.stop()
	s.endAgents()
	audit := s.audit(to)
	t.Logf("\n%s", s.table(done, &audit))
	require.Zero(t, audit.Total.Missing, "%+v", audit.Findings)
	require.Zero(t, audit.Total.Twice+audit.Total.DeadLetters+audit.Total.Beyond, "%+v", audit.Findings)
	require.Equal(t, query.Complete, audit.Verdict, "%+v", audit.Findings)
	requireRollups(t, s.db)
}

// step is what happened at a time, and how it went on.
type step struct {
	actions   []action
	from, to  time.Time
	recovered time.Duration // -1: the next step came first
}

const (
	// secondIn is how many steps have one with a second action, hurriedIn one that the stack does not recover from before the next.
	secondIn, hurriedIn = 3, 4
	shortest, longest   = 300 * time.Millisecond, 6 * time.Second
)

// toSettle is how long before its end a test stops with its steps.
const toSettle = wait.Long

// run does that many steps, or as many as there is time for; a zero end gives time for all.
func (s *stack) run(random *rand.Rand, steps int, end time.Time) (done []step) {
	s.t.Helper()
	all := s.actions(random)
	deck := random.Perm(len(all)) // each action comes once before any comes again
	for n := range steps {
		if !end.IsZero() && time.Until(end) < toSettle {
			break
		}
		if len(deck) < 2 {
			deck = append(deck, random.Perm(len(all))...)
		}
		one := step{actions: []action{all[deck[0]]}, from: time.Now(), recovered: -1}
		if other := all[deck[1]]; random.IntN(secondIn) == 0 && other.part != one.actions[0].part {
			one.actions = append(one.actions, other)
		}
		deck = deck[len(one.actions):]
		for i := range one.actions {
			s.t.Logf("step %d: %s", n+1, &one.actions[i])
			one.actions[i].do()
		}
		time.Sleep(shortest + time.Duration(random.Int64N(int64(longest-shortest))))
		random.Shuffle(len(one.actions), func(i, j int) { one.actions[i], one.actions[j] = one.actions[j], one.actions[i] })
		for i := range one.actions {
			one.actions[i].undo()
		}
		if random.IntN(hurriedIn) != 0 {
			one.recovered = s.awaitRows(time.Now())
			s.t.Logf("step %d: rows again after %s", n+1, one.recovered.Round(time.Millisecond))
		}
		one.to = time.Now()
		done = append(done, one)
	}
	return done
}

// storm makes connections without a pause until the returned function is called.
func (s *stack) storm() (stop func()) {
	s.t.Helper()
	const round, pause = 20, 50 * time.Millisecond
	l := lab.New(s.t)
	actor := l.A.Actor(s.t, "storm")
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			case <-time.After(pause):
				actor.Storm(l.A.IPv4, round)
			}
		}
	}()
	stop = sync.OnceFunc(func() { close(end); <-ended })
	s.t.Cleanup(stop)
	return stop
}

// settled waits until nothing is on the agents' disks, and gives a moment of which checkpoints will tell.
func (s *stack) settled() time.Time {
	s.t.Helper()
	for _, a := range s.agents {
		require.Eventually(s.t, func() bool { return len(segments(s.t, a.spool)) == 0 }, wait.Long, 100*time.Millisecond, "%s keeps its spool", a.name)
	}
	now := time.Now()
	s.awaitRows(now)
	return now
}

// audit asks until the audit finds the window complete: what the agents sent last may be on its way. Its last answer counts.
func (s *stack) audit(to time.Time) query.Audit {
	s.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Second) {
		a := audit(s.t, s.local, s.began, to)
		if a.Verdict == query.Complete || time.Since(began) > wait.Long/2 {
			return a
		}
	}
}

// audit asks the program, as a person does, about all rows of a window.
func audit(t testing.TB, clickhouse string, from, to time.Time) (a query.Audit) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(programs.Path(t, "tcpledger"), "audit", "--clickhouse", clickhouse, "--everywhere", "--from", stamp(from), "--to", stamp(to), "--format", "json")
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run() // its exit status says the verdict too
	require.NoError(t, json.Unmarshal(out.Bytes(), &a), "%v: %s%s", err, &out, &said)
	require.Equal(t, a.Verdict == query.Complete, err == nil, "%v: %s", err, &out)
	return a
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
