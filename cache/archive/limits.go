package archive

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/frames"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Writers and readers share these limits, so that every stored result can be restored.
//
//	limit                          value              where both check it
//	entries below outputs/         [Limits.Entries]   budget.entry
//	bytes of their names, targets  128 per entry      budget.entry
//	bytes of the files and what    [Limits.Bytes]     budget.content
//	the task printed
//	bytes by packed size           [LimitsOf]         [Codec.Write] at the end
//	bytes of an extended header    maxExtended        packer.header, readExtended
//	digits of a number, a time     maxNumber          no writer exceeds it
//	bytes of metadata.json         maxMetadata        packer.pack, unpacker.metadata
//	where a link leads             checkLink          and [Outputs]
//	frames, windows, blocks        [MaxWindow]        package frames makes no others
//
// Names, depth and targets have no limits of their own: a path that is too long for another
// file system is an error of that file system. A writer returns [ErrNotStorable] for a
// result beyond the limits, before anything is sent.
const (
	// maxExtended bounds an extended header, in bytes. The longest name and the
	// longest target of Windows, of 32,767 characters each, need 192 KiB.
	maxExtended = 256 << 10

	// maxNumber bounds a number or a time in an extended header, in bytes.
	maxNumber = 32

	// maxMetadata bounds metadata.json, in bytes.
	maxMetadata = 4 << 10
)

// Limits bound the content of an archive. [Codec.Write] stores nothing beyond the limits of
// its codec, and [Codec.Extract] restores nothing beyond its limits.
type Limits struct {
	Entries int   // number of entries below outputs/
	Bytes   int64 // sum of the sizes of all files, terminal output included

	// Outputs, if set, limit where links lead; see [ErrLinks].
	Outputs Outputs
}

// DefaultLimits are far above real outputs. Azure accepts 5,000 MiB in one request, so
// 16 GiB that do not shrink to a third cannot be stored anyway.
var DefaultLimits = Limits{Entries: 500_000, Bytes: 16 << 30}

// How much [Codec.Write] shrinks zeros, which shrink most:
//
//	go test ./cache/archive -run '^$' -bench Expansion -benchtime 1x
//
//	zeros of 1 MB            3,242-fold
//	zeros of 64 MB           8,539-fold
//	zeros of 300 MB          5,525-fold
//	zeros of 2.2 GiB         5,099-fold
//	one line, 64 MB          6,043-fold
//	20,000 empty files         162-fold, with their headers
//	20,000 links               153-fold, with their headers
//
// The first 32 MiB ([frames.ThoroughSize]) shrink 28,728-fold at most, which is the maximum
// of the format: 4 bytes for 128 KiB. The rest shrinks 5,041-fold at most. The bounds are
// twice those bytes, and one and a half times that factor.
const (
	freeExpansion = 2 * frames.ThoroughSize
	maxExpansion  = 7_500
)

// LimitsOf returns the limits for an archive of this size in bytes: [DefaultLimits], or
// less if [Codec.Write] never shrinks so much content to that size.
func LimitsOf(packed int64) Limits { return DefaultLimits.of(packed) }

func (limits Limits) of(packed int64) Limits {
	if packed < limits.Bytes/maxExpansion { // otherwise the product is larger, or overflows
		limits.Bytes = min(limits.Bytes, freeExpansion+maxExpansion*packed)
	}
	return limits
}

// maxName bounds the average length of an entry's name and link target together, in bytes.
// [Codec.Extract] keeps them in memory, and names compress well, too.
const maxName = 128

// budget is what remains of limits. Its methods return what is wrong, or "".
type budget struct {
	limits  Limits
	entries int
	bytes   int64
	names   int // bytes of names and link targets
}

func newBudget(limits Limits) budget {
	return budget{limits, limits.Entries, limits.Bytes, maxName * limits.Entries}
}

// entry subtracts an entry below outputs/, with the bytes of its name and link target.
func (b *budget) entry(names int) string {
	if b.entries--; b.entries < 0 {
		return fmt.Sprintf("it has more entries than allowed (%d)", b.limits.Entries)
	}
	if b.names -= names; b.names < 0 {
		return "its names are longer than allowed"
	}
	return ""
}

// content subtracts the bytes of a file.
func (b *budget) content(size int64) string {
	if size > b.bytes {
		return fmt.Sprintf("it unpacks to more bytes than allowed (%s)", printable.Size(b.limits.Bytes))
	}
	b.bytes -= size
	return ""
}

// used is the number of subtracted bytes.
func (b *budget) used() int64 { return b.limits.Bytes - b.bytes }
