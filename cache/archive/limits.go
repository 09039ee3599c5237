package archive

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
)

// One table for writers and readers: what one stores, the other restores.
//
//	limit                          value              where both look at it
//	entries below outputs/         [Limits.Entries]   budget.entry
//	bytes of their names, targets  128 per entry      budget.entry
//	bytes of the files and what    [Limits.Bytes]     budget.content
//	the task printed
//	bytes for the packed ones      [LimitsOf]         [Codec.Write] at the end
//	bytes of an extended header    maxExtended        packer.header, readExtended
//	digits of a number, a time     maxNumber          no writer reaches it
//	bytes of metadata.json         maxMetadata        packer.pack, unpacker.metadata
//	where a link leads             checkLink          and [Outputs]
//	frames, windows, blocks        [MaxWindow]        the compressor makes no other
//
// Names, depth and targets have no limits of their own: what one file system holds, the
// path of another may be too long for, which is an error of the file system. Before
// anything is sent, a writer says [ErrNotStorable] of what is beyond the limits.
const (
	// maxExtended bounds an extended header, in bytes. The longest name and the
	// longest target of Windows, of 32,767 characters each, need 192 KiB.
	maxExtended = 256 << 10

	// maxNumber bounds the text of a number or a time in an extended header, in
	// bytes.
	maxNumber = 32

	// maxMetadata bounds metadata.json, in bytes.
	maxMetadata = 4 << 10
)

// Limits bound what an archive may hold. [Codec.Write] stores nothing that is beyond
// those of its codec, and [Codec.Extract] restores nothing that is.
type Limits struct {
	Entries int   // number of entries below outputs/
	Bytes   int64 // sum of the sizes of all files, terminal output included

	// Outputs, when set, limit where links lead; see [ErrLinks].
	Outputs Outputs
}

// DefaultLimits are far above real outputs. Azure takes 5,000 MiB at once: what
// does not shrink to a third of 16 GiB cannot be stored anyway.
var DefaultLimits = Limits{Entries: 500_000, Bytes: 16 << 30}

// What [Codec.Write] makes of zeros, which shrink most:
//
//	go test ./cache/archive -run '^$' -bench Expansion -benchtime 1x
//
//	zeros of 1 MB            3,242-fold
//	zeros of 64 MB           8,539-fold
//	zeros of 300 MB          5,525-fold
//	zeros of 2.2 GiB         5,099-fold
//	a line, for 64 MB        6,043-fold
//	20,000 empty files         162-fold, with their headers
//	20,000 links               153-fold, with their headers
//
// The first 32 MiB ([frames.ThoroughSize]) shrink 28,728-fold at most, which is what the
// format allows: 4 bytes for 128 KiB. What comes after them shrinks 5,041-fold at
// most. The bounds are twice those bytes, and one and a half times that factor.
const (
	freeExpansion = 2 * frames.ThoroughSize
	maxExpansion  = 7_500
)

// LimitsOf are the limits of an archive of so many packed bytes: the limits by
// default, or less where Write would have made more of it.
func LimitsOf(packed int64) Limits { return DefaultLimits.of(packed) }

func (limits Limits) of(packed int64) Limits {
	if packed < limits.Bytes/maxExpansion { // else the product is larger, or overflows
		limits.Bytes = min(limits.Bytes, freeExpansion+maxExpansion*packed)
	}
	return limits
}

// maxName bounds the length of an entry's name and link target together, in
// bytes, on average: [Codec.Extract] keeps them in memory, and zeros compress well
// here too.
const maxName = 128

// budget is what is left of limits. Its methods return what is wrong, or "".
type budget struct {
	limits  Limits
	entries int
	bytes   int64
	names   int // bytes of names and link targets
}

func newBudget(limits Limits) budget {
	return budget{limits, limits.Entries, limits.Bytes, maxName * limits.Entries}
}

// entry takes an entry below outputs/ and the bytes of its name and link target.
func (b *budget) entry(names int) string {
	if b.entries--; b.entries < 0 {
		return fmt.Sprintf("it has more entries than allowed (%d)", b.limits.Entries)
	}
	if b.names -= names; b.names < 0 {
		return "its names are longer than allowed"
	}
	return ""
}

// content takes the bytes of a file.
func (b *budget) content(size int64) string {
	if size > b.bytes {
		return fmt.Sprintf("it unpacks to more bytes than allowed (%s)", megabytes(b.limits.Bytes))
	}
	b.bytes -= size
	return ""
}

// used is the number of bytes that were taken.
func (b *budget) used() int64 { return b.limits.Bytes - b.bytes }

// megabytes writes a number of bytes for people.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
