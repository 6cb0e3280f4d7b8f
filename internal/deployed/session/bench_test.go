package session_test

import (
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

// warmBench is a Keys that needs no call for the key, of either kind.
func warmBench(t testing.TB, derived bool) (keys *session.Keys, key string) {
	v := readVectors(t)
	b := newBench(t, session.Options{Secret: shared})
	b.put(shared, `{"session_api_key":"`+firstKey+`","master_keys":{"1":"`+v.MasterKeys["1"]+`"}}`)
	key = firstKey
	if derived {
		key = session.Derive(decodeMaster(t, v.MasterKeys["1"]), "1", chat, b.Now().Add(time.Hour))
	}
	if err := b.keys.Check(t.Context(), chat, key); err != nil {
		t.Fatal(err)
	}
	return b.keys, key
}

func TestAWarmCheckAllocatesLittle(t *testing.T) {
	keys, key := warmBench(t, false)
	allocs := testing.AllocsPerRun(100, func() {
		if err := keys.Check(t.Context(), chat, key); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("a warm check makes %v allocations, want at most 2", allocs)
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, kind := range []struct {
		name    string
		derived bool
	}{{"shared", false}, {"derived", true}} {
		b.Run(kind.name, func(b *testing.B) {
			keys, key := warmBench(b, kind.derived)
			b.ReportAllocs()
			for b.Loop() {
				if err := keys.Check(b.Context(), chat, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMismatch compares wrong keys that differ at the start and at the end:
// the times are to be alike. It informs; it is no proof.
func BenchmarkMismatch(b *testing.B) {
	for _, wrong := range []struct{ name, key string }{
		{"first byte", "x" + firstKey[1:]},
		{"last byte", firstKey[:len(firstKey)-1] + "x"},
	} {
		b.Run(wrong.name, func(b *testing.B) {
			keys, _ := warmBench(b, false)
			for b.Loop() {
				if keys.Check(b.Context(), chat, wrong.key) == nil {
					b.Fatal("a wrong key opens")
				}
			}
		})
	}
}
