package archive

import (
	"errors"
	"testing"
)

// The writer stores nothing that a reader would reject.
func TestExpansionThatIsStored(t *testing.T) {
	for _, test := range []struct {
		packed, plain int64
		want          error
	}{
		{300, freeExpansion, nil},
		{300, freeExpansion + 301*maxExpansion, ErrNotStorable},
		{1 << 20, freeExpansion + maxExpansion<<20, nil},
		{2 << 20, DefaultLimits.Bytes, ErrNotStorable},
		{3 << 20, DefaultLimits.Bytes, nil},
		{5000 << 20, DefaultLimits.Bytes + 1, ErrNotStorable},
		{1<<63 - 1, DefaultLimits.Bytes, nil},
	} {
		if err := checkExpansion(LimitsOf(test.packed), test.packed, test.plain); !errors.Is(err, test.want) {
			t.Errorf("%d bytes of %d: got %v, want %v", test.packed, test.plain, err, test.want)
		}
	}
}
