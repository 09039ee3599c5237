package azuretest_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"hash/crc64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
)

func itoa(n int) string { return strconv.Itoa(n) }

func digest(text string) string {
	sum := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestMissing(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			on.do(t, method, fresh(), "", nil, "").check(t, method, "404 BlobNotFound")
		}
		on.container = fresh()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
			on.do(t, method, "a", "", nil, "").check(t, method+" without a container", "404 ContainerNotFound")
		}
		on.do(t, http.MethodGet, "", "restype=container&comp=list", nil, "").check(t, "list", "404 ContainerNotFound")
		on.do(t, http.MethodHead, "", "restype=container", nil, "").check(t, "properties", "404 ContainerNotFound")
	})
}

func TestContainers(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		on.container = fresh()
		on.do(t, http.MethodPut, "", "restype=container", nil, "").check(t, "create", "201")
		on.do(t, http.MethodPut, "", "restype=container", nil, "").check(t, "again", "409 ContainerAlreadyExists")
		on.do(t, http.MethodGet, "", "restype=container", nil, "").check(t, "properties", "200")
	})
}

func TestPutAndGet(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh() + "/a b"
		put := on.must(t, http.MethodPut, name, "", header{
			"x-ms-meta-sha256": "0aF9", "x-ms-meta-two": "2", "Content-Type": "text/plain", "Content-MD5": digest("content"),
		}, "content")
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := on.do(t, method, name, "", nil, "")
			got.check(t, method, "200")
			for key, want := range map[string]string{
				"ETag": put.header.Get("ETag"), "Last-Modified": put.header.Get("Last-Modified"), "Content-Length": "7",
				"Content-Type": "text/plain", "Content-MD5": digest("content"), "x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes",
				"x-ms-lease-status": "unlocked", "x-ms-lease-state": "available",
				"x-ms-meta-sha256": "0aF9", "x-ms-meta-two": "2", "Content-Range": "",
			} {
				if got := got.header.Get(key); got != want {
					t.Errorf("%s: got %s: %q, want %q", method, key, got, want)
				}
			}
			if got.header.Get("x-ms-request-id") == "" || !strings.HasPrefix(put.header.Get("ETag"), `"0x`) {
				t.Errorf("%s: got %v, want a request ID and an ETag", method, got.header)
			}
			if want := map[string]string{http.MethodGet: "content"}[method]; got.body != want {
				t.Errorf("%s: got %q, want %q", method, got.body, want)
			}
		}
		on.do(t, http.MethodDelete, name, "", nil, "").check(t, "delete", "202")
		on.do(t, http.MethodGet, name, "", nil, "").check(t, "deleted", "404 BlobNotFound")
	})
}

// The last write replaces a blob with all its properties.
func TestOverwrite(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh()
		first := on.must(t, http.MethodPut, name, "", header{"x-ms-meta-first": "1"}, "the first")
		second := on.must(t, http.MethodPut, name, "", header{"x-ms-meta-second": "2"}, "second")
		got := on.must(t, http.MethodGet, name, "", nil, "")
		if got.body != "second" || got.header.Get("x-ms-meta-first") != "" || got.header.Get("x-ms-meta-second") != "2" {
			t.Errorf("got %q with %v, want the second content", got.body, got.header)
		}
		if first.header.Get("ETag") == second.header.Get("ETag") || got.header.Get("ETag") != second.header.Get("ETag") {
			t.Errorf("got the ETags %v, want a new one after a change", []string{first.header.Get("ETag"), second.header.Get("ETag"), got.header.Get("ETag")})
		}
		if got := got.header.Get("Content-Type"); got != "application/octet-stream" {
			t.Errorf("got Content-Type %q, want application/octet-stream", got)
		}
	})
}

func TestConditions(t *testing.T) {
	const before, other = "Sun, 06 Nov 1994 08:49:37 GMT", `"0x8D000000000"`
	const own = "that of the blob"
	onBoth(t, func(t *testing.T, on target) {
		for _, test := range []struct {
			key, value           string
			get, missing, change string
		}{
			{"If-Match", own, "200", "412 ConditionNotMet", "201"},
			{"If-Match", other, "412 ConditionNotMet", "412 ConditionNotMet", "412 ConditionNotMet"},
			{"If-Match", "*", "200", "412 ConditionNotMet", "201"},
			{"If-None-Match", own, "304 ConditionNotMet", "404 BlobNotFound", "412 ConditionNotMet"},
			{"If-None-Match", other, "200", "404 BlobNotFound", "201"},
			{"If-None-Match", "*", "400 UnsatisfiableCondition", "400 UnsatisfiableCondition", "409 BlobAlreadyExists"},
			{"If-Modified-Since", own, "304 ConditionNotMet", "404 BlobNotFound", "412 ConditionNotMet"},
			{"If-Modified-Since", before, "200", "404 BlobNotFound", "201"},
			{"If-Unmodified-Since", before, "412 ConditionNotMet", "404 BlobNotFound", "412 ConditionNotMet"},
			{"If-Unmodified-Since", own, "200", "404 BlobNotFound", "201"},
		} {
			t.Run(test.key+" "+test.value, func(t *testing.T) {
				name := fresh()
				existing := on.must(t, http.MethodPut, name, "", nil, "content").header
				send := header{test.key: test.value}
				if test.value == own {
					send[test.key] = existing.Get("ETag")
					if strings.HasSuffix(test.key, "-Since") {
						send[test.key] = existing.Get("Last-Modified")
					}
				}
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					on.do(t, method, name, "", send, "").check(t, method, test.get)
					on.do(t, method, fresh(), "", send, "").check(t, method+" what is missing", test.missing)
				}
				on.do(t, http.MethodPut, name, "", send, "content").check(t, "put", test.change)
			})
		}
	})
}

// A read succeeds if one of the two conditions says that the blob has changed.
func TestTwoConditions(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh()
		existing := on.must(t, http.MethodPut, name, "", nil, "content").header
		send := header{"If-None-Match": `"0x8D0"`, "If-Modified-Since": existing.Get("Last-Modified")}
		on.do(t, http.MethodGet, name, "", send, "").check(t, "another ETag", "200")
		send["If-None-Match"] = existing.Get("ETag")
		on.do(t, http.MethodGet, name, "", send, "").check(t, "neither", "304 ConditionNotMet")
		send = header{"If-Match": `"0x8D0"`, "If-None-Match": existing.Get("ETag")}
		on.do(t, http.MethodGet, name, "", send, "").check(t, "another one is wanted", "412 ConditionNotMet")
		send = header{"If-Match": `"0x8D0",` + existing.Get("ETag")}
		on.do(t, http.MethodGet, name, "", send, "").check(t, "one of two", "200")
	})
}

func TestConditionsOfWrites(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh()
		create := header{"If-None-Match": "*"}
		etag := on.do(t, http.MethodPut, name, "", create, "first")
		etag.check(t, "create", "201")
		on.do(t, http.MethodPut, name, "", create, "second").check(t, "create again", "409 BlobAlreadyExists")
		stale := header{"If-Match": `"0x8D000000000"`}
		on.do(t, http.MethodPut, name, "", stale, "second").check(t, "replace another", "412 ConditionNotMet")
		on.do(t, http.MethodPut, fresh(), "", stale, "second").check(t, "replace nothing", "412 ConditionNotMet")
		on.do(t, http.MethodDelete, name, "", stale, "").check(t, "delete another", "412 ConditionNotMet")
		if got := on.must(t, http.MethodGet, name, "", nil, "").body; got != "first" {
			t.Errorf("got %q, want the first", got)
		}
		same := header{"If-Match": etag.header.Get("ETag")}
		on.do(t, http.MethodPut, name, "", same, "third").check(t, "replace", "201")
		on.do(t, http.MethodPut, name, "", same, "fourth").check(t, "replace again", "412 ConditionNotMet")
		if got := on.must(t, http.MethodGet, name, "", nil, "").body; got != "third" {
			t.Errorf("got %q, want the third", got)
		}
	})
}

func TestRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name, empty := fresh(), fresh()
		etag := on.must(t, http.MethodPut, name, "", header{"Content-MD5": digest("0123456789")}, "0123456789").header.Get("ETag")
		on.must(t, http.MethodPut, empty, "", nil, "")
		for _, test := range []struct {
			name, send, status, body, contentRange string
		}{
			{name, "bytes=0-3", "206", "0123", "bytes 0-3/10"},
			{name, "bytes=4-4", "206", "4", "bytes 4-4/10"},
			{name, "bytes=7-", "206", "789", "bytes 7-9/10"},
			{name, "bytes=0-", "206", "0123456789", "bytes 0-9/10"},
			{name, "bytes=0-9", "206", "0123456789", "bytes 0-9/10"},
			{name, "bytes=8-100", "206", "89", "bytes 8-9/10"},
			{name, "bytes=11-", "416 InvalidRange", "", "*"},
			{name, "bytes=11-20", "416 InvalidRange", "", "*"},
			{empty, "bytes=1-", "416 InvalidRange", "", "*"},
		} {
			for _, key := range []string{"x-ms-range", "Range"} {
				got := on.do(t, http.MethodGet, test.name, "", header{key: test.send}, "")
				got.check(t, key+": "+test.send, test.status)
				if test.contentRange == "*" {
					continue
				}
				if got.body != test.body || got.header.Get("Content-Range") != test.contentRange || got.header.Get("Content-Length") != itoa(len(test.body)) {
					t.Errorf("%s: %s: got %q with %v, want %q and %q", key, test.send, got.body, got.header, test.body, test.contentRange)
				}
			}
		}
		got := on.do(t, http.MethodGet, name, "", header{"x-ms-range": "bytes=0-0", "Range": "bytes=5-5"}, "")
		if got.body != "0" {
			t.Errorf("got %q, want the range of x-ms-range", got.body)
		}
		if whole := got.header.Get("x-ms-blob-content-md5"); whole != digest("0123456789") || got.header.Get("Content-MD5") != "" {
			t.Errorf("got %v, want the digest of the whole blob, and its header", got.header)
		}
		got = on.do(t, http.MethodGet, name, "", header{"x-ms-range": "bytes=2-4", "x-ms-range-get-content-md5": "true"}, "")
		if got.header.Get("Content-MD5") != digest("234") {
			t.Errorf("got %v, want the digest of the range", got.header)
		}
		on.do(t, http.MethodGet, name, "", header{"x-ms-range": "bytes=2-4", "If-Match": etag}, "").check(t, "the same", "206")
		on.do(t, http.MethodGet, name, "", header{"x-ms-range": "bytes=2-4", "If-Match": `"0x8D0"`}, "").check(t, "another", "412 ConditionNotMet")
		on.do(t, http.MethodHead, name, "", header{"x-ms-range": "bytes=2-4"}, "").check(t, "properties", "200")
	})
}

// Azurite accepts a range that begins right after the last byte.
func TestRangesAtTheEnd(t *testing.T) {
	_, on := start(t, azuretest.Options{})
	on.must(t, http.MethodPut, "ten", "", nil, "0123456789")
	on.must(t, http.MethodPut, "empty", "", nil, "")
	for name, ranges := range map[string][]string{
		"ten":   {"bytes=10-", "bytes=10-10", "bytes=10-9223372036854775807"},
		"empty": {"bytes=0-", "bytes=0-0", "bytes=0-4194303"},
	} {
		for _, text := range ranges {
			got := on.do(t, http.MethodGet, name, "", header{"x-ms-range": text}, "")
			got.check(t, name+": "+text, "416 InvalidRange")
			if want := map[string]string{"ten": "bytes */10", "empty": "bytes */0"}[name]; got.header.Get("Content-Range") != want {
				t.Errorf("%s: %s: got Content-Range %q, want %q", name, text, got.header.Get("Content-Range"), want)
			}
		}
	}
	for _, text := range []string{"0-1", "bytes=-5", "bytes=5", "bytes=5-4", "bytes=a-b", "bytes=0-1,3-4", "bytes=99999999999999999999-"} {
		on.do(t, http.MethodGet, "ten", "", header{"x-ms-range": text}, "").check(t, text, "400 InvalidHeaderValue")
	}
}

func TestInvalidRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh()
		on.do(t, http.MethodPut, name, "", header{"Content-MD5": digest("other")}, "content").check(t, "Content-MD5", "400 Md5Mismatch")
		on.do(t, http.MethodPut, name, "", header{"x-ms-blob-content-md5": digest("other")}, "content").check(t, "x-ms-blob-content-md5", "400 Md5Mismatch")
		on.do(t, http.MethodPut, name, "comp=block&blockid=AAAA", header{"Content-MD5": digest("other")}, "content").check(t, "block", "400 Md5Mismatch")
		on.do(t, http.MethodPut, name, "comp=block&blockid=x", nil, "content").check(t, "an ID that is not base64", "400 InvalidQueryParameterValue")
		on.do(t, http.MethodPut, name, "comp=blocklist", nil, blockList("Latest", "AAAA")).check(t, "a block that is missing", "400 InvalidBlockList")
		on.do(t, http.MethodGet, name, "", nil, "").check(t, "get", "404 BlobNotFound")
	})
}

// crc returns Azure's CRC64 of a string.
func crc(text string) string {
	sum := crc64.Checksum([]byte(text), crc64.MakeTable(0x9A6C9329AC4BC9B5))
	return base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64(nil, sum))
}

func TestCRC(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		on.do(t, http.MethodPut, fresh(), "", header{"x-ms-content-crc64": crc("content")}, "content").check(t, "put", "201")
		on.do(t, http.MethodPut, fresh(), "", header{"x-ms-content-crc64": crc("other")}, "content").check(t, "put of another", "400 Crc64Mismatch")
		on.do(t, http.MethodPut, fresh(), "comp=block&blockid=AAAA", header{"x-ms-content-crc64": crc("content")}, "content").check(t, "block", "201")
		on.do(t, http.MethodPut, fresh(), "comp=block&blockid=AAAA", header{"x-ms-content-crc64": crc("other")}, "content").check(t, "block of another", "400 Crc64Mismatch")
	})
}

// blockList returns the body of Put Block List.
func blockList(kind string, ids ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for _, id := range ids {
		b.WriteString("<" + kind + ">" + id + "</" + kind + ">")
	}
	return b.String() + "</BlockList>"
}

func TestBlocks(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		name := fresh()
		for id, text := range map[string]string{"AAAA": "one ", "BBBB": "two ", "CCCC": "three"} {
			on.do(t, http.MethodPut, name, "comp=block&blockid="+id, nil, text).check(t, id, "201")
		}
		on.do(t, http.MethodPut, name, "comp=block&blockid=AA==", nil, "x").check(t, "an ID of another length", "400 InvalidBlobOrBlock")
		on.do(t, http.MethodGet, name, "", nil, "").check(t, "uncommitted", "404 BlobNotFound")

		send := header{"x-ms-meta-format": "1", "If-None-Match": "*"}
		on.do(t, http.MethodPut, name, "comp=blocklist", send, blockList("Latest", "BBBB", "AAAA", "CCCC")).check(t, "commit", "201")
		got := on.must(t, http.MethodGet, name, "", nil, "")
		if got.body != "two one three" || got.header.Get("x-ms-meta-format") != "1" {
			t.Errorf("got %q with %v, want the blocks of the list", got.body, got.header)
		}
		for text, want := range map[string]string{"bytes=2-5": "o on", "bytes=4-7": "one ", "bytes=8-": "three", "bytes=3-9": " one th"} {
			if got := on.must(t, http.MethodGet, name, "", header{"x-ms-range": text}, "").body; got != want {
				t.Errorf("%s: got %q, want %q", text, got, want)
			}
		}
		on.do(t, http.MethodPut, name, "comp=blocklist", send, blockList("Latest", "AAAA")).check(t, "create again", "409 BlobAlreadyExists")

		// Blocks outside the list are gone, and blocks in it can be used again.
		on.must(t, http.MethodPut, name, "comp=block&blockid=DDDD", nil, "four")
		mixed := strings.Replace(blockList("Committed", "AAAA", "XXXX"), "<Committed>XXXX</Committed>", "<Uncommitted>DDDD</Uncommitted>", 1)
		on.do(t, http.MethodPut, name, "comp=blocklist", nil, mixed).check(t, "mixed", "201")
		if got := on.must(t, http.MethodGet, name, "", nil, "").body; got != "one four" {
			t.Errorf("got %q, want committed and uncommitted blocks", got)
		}
		on.do(t, http.MethodPut, name, "comp=blocklist", nil, blockList("Latest", "BBBB")).check(t, "a block that is gone", "400 InvalidBlockList")
		on.do(t, http.MethodPut, name, "comp=blocklist", nil, blockList("Latest")).check(t, "an empty list", "201")
		if got := on.must(t, http.MethodGet, name, "", nil, ""); got.body != "" {
			t.Errorf("got %q, want an empty blob", got.body)
		}
	})
}

// Last-Modified is in seconds.
func TestLastModified(t *testing.T) {
	onBoth(t, func(t *testing.T, on target) {
		text := on.must(t, http.MethodPut, fresh(), "", nil, "x").header.Get("Last-Modified")
		modified, err := http.ParseTime(text)
		if err != nil || time.Since(modified).Abs() > time.Minute {
			t.Errorf("got Last-Modified %q (%v), want now", text, err)
		}
	})
}
