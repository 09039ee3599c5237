package azure

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// The XML of List Blobs
// (learn.microsoft.com/rest/api/storageservices/list-blobs#response-body). A page has 5
// to 10 MB. Package encoding/xml reads 20 MB a second, so a million blobs would take 90
// seconds of CPU time. This parser reads only what such a response contains, and rejects
// the rest of XML.

// errListBroken is wrapped by the errors of a response that ended early.
var errListBroken = errors.New("the list ended early")

// errNotList reports a response that is something else, such as a proxy's page.
var errNotList = errors.New("the response is not a list of blobs")

// maxText is the length limit of a string or tag, in bytes. Metadata has at most 8 KiB,
// and escaping makes six times as much of it.
const maxText = 64 << 10

// parsePage reads one response.
func parsePage(body io.Reader) (page, error) {
	p := &pageParser{elements: elements{r: bufio.NewReaderSize(body, maxText), known: make(map[string]string)}}
	for {
		switch more, err := p.next(); {
		case err != nil:
			return page{}, err
		case !more:
			return p.page, nil
		case p.closes:
			if err := p.take(); err != nil {
				return page{}, err
			}
		}
	}
}

// pageParser builds a page from elements.
type pageParser struct {
	elements
	page page
	blob Properties
	name string // of the blob or folder
}

// take handles the element that ends here. Its path counts, not only its name: metadata
// can have any name.
func (p *pageParser) take() (err error) {
	if p.path[0] != "EnumerationResults" {
		return errNotList
	}
	switch element := p.path[len(p.path)-1]; {
	case len(p.path) == 2 && element == "NextMarker":
		p.page.next = string(p.text)
	case len(p.path) == 3 && p.name == "" && (element == "Blob" || element == "BlobPrefix"):
		return errNotList
	case len(p.path) == 3 && element == "Blob":
		p.blob.Name = p.name
		p.page.blobs = append(p.page.blobs, p.blob)
		p.blob, p.name = Properties{}, ""
	case len(p.path) == 3 && element == "BlobPrefix":
		p.page.folders = append(p.page.folders, p.name)
		p.name = ""
	case len(p.path) == 4 && element == "Name":
		p.name, err = p.decodeName()
	case len(p.path) == 5 && p.path[3] == "Properties":
		err = p.property(element)
	case len(p.path) == 5 && p.path[3] == "Metadata":
		if p.blob.Metadata == nil {
			p.blob.Metadata = make(cache.Metadata)
		}
		p.blob.Metadata[strings.ToLower(element)] = string(p.text)
	}
	return err
}

// decodeName returns a name. Names with characters that XML cannot hold are
// percent-encoded.
func (p *pageParser) decodeName() (string, error) {
	if !p.encoded {
		return string(p.text), nil
	}
	name, err := url.PathUnescape(string(p.text))
	if err != nil {
		return "", fmt.Errorf("%w: a name cannot be decoded", errNotList)
	}
	return name, nil
}

func (p *pageParser) property(element string) (err error) {
	switch element {
	case "Content-Length":
		p.blob.Size, err = strconv.ParseInt(string(p.text), 10, 64)
	case "Last-Modified":
		p.blob.Modified, err = http.ParseTime(string(p.text))
	case "AccessTier":
		p.blob.Tier = string(p.text)
	case "Etag":
		// Azure sends the quotes in headers only.
		p.blob.ETag = `"` + strings.Trim(string(p.text), `"`) + `"`
	}
	if err != nil {
		return fmt.Errorf("%w: its %s cannot be parsed", errNotList, element)
	}
	return nil
}

// elements reads tags and the character data between them.
type elements struct {
	r     *bufio.Reader
	path  []string          // of the current element, from the root
	known map[string]string // names of elements

	closes  bool   // the element ends here
	text    []byte // before the tag, if it closes
	encoded bool   // the element has Encoded="true"

	isEmpty bool // the current element is empty and has no end tag
}

// next moves on to the next tag. An empty element opens and closes. At the end next
// returns false.
func (e *elements) next() (more bool, err error) {
	if e.closes && len(e.path) > 0 {
		e.path = e.path[:len(e.path)-1]
		if len(e.path) == 0 {
			return false, nil // what follows the root is ignored
		}
	}
	if e.isEmpty {
		e.isEmpty, e.closes, e.text = false, true, e.text[:0]
		return true, nil
	}
	before, err := e.read('<')
	if err != nil {
		return false, err
	}
	if e.text, err = unescape(e.text[:0], before); err != nil {
		return false, err
	}
	tag, err := e.read('>')
	switch {
	case err != nil:
		return false, err
	case len(tag) == 0 || tag[0] == '!': // comments, CDATA, entities
		return false, errNotList
	case tag[0] == '?':
		e.closes = false
		return true, nil
	case tag[0] == '/':
		e.closes = true
		if len(e.path) == 0 || e.path[len(e.path)-1] != string(tag[1:]) {
			return false, errNotList
		}
		return true, nil
	}
	return true, e.open(tag)
}

// open begins an element.
func (e *elements) open(tag []byte) error {
	tag, isEmpty := bytes.CutSuffix(tag, []byte("/"))
	name, attributes, _ := bytes.Cut(tag, []byte(" "))
	if len(e.path) == 0 && string(name) != "EnumerationResults" || len(e.path) == maxDepth {
		return errNotList
	}
	known, ok := e.known[string(name)]
	if !ok {
		known = string(name)
		e.known[known] = known
	}
	e.path = append(e.path, known)
	e.closes, e.isEmpty = false, isEmpty
	e.encoded = bytes.Contains(attributes, []byte(`Encoded="true"`))
	return nil
}

// maxDepth is more than a list needs.
const maxDepth = 16

// read returns what precedes a character.
func (e *elements) read(end byte) ([]byte, error) {
	text, err := e.r.ReadSlice(end)
	switch {
	case err == nil:
		return text[:len(text)-1], nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errNotList
	case err == io.EOF && len(e.path) == 0:
		return nil, errNotList
	case err == io.EOF:
		return nil, fmt.Errorf("%w: %w", errListBroken, io.ErrUnexpectedEOF)
	default:
		return nil, fmt.Errorf("%w: %w", errListBroken, err)
	}
}

// references are XML's named characters.
var references = map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// unescape appends character data, with its references resolved.
func unescape(to, text []byte) ([]byte, error) {
	for {
		plain, rest, found := bytes.Cut(text, []byte("&"))
		to = append(to, plain...)
		if !found {
			return to, nil
		}
		reference, after, found := bytes.Cut(rest, []byte(";"))
		if !found {
			return nil, errNotList
		}
		if c, ok := references[string(reference)]; ok {
			to = append(to, c)
		} else {
			r, ok := character(string(reference))
			if !ok {
				return nil, errNotList
			}
			to = utf8.AppendRune(to, r)
		}
		text = after
	}
}

// character resolves a numeric reference such as #65 or #x41.
func character(reference string) (rune, bool) {
	digits, ok := strings.CutPrefix(reference, "#")
	base := 10
	if hexadecimal, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hexadecimal, 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), ok && err == nil && utf8.ValidRune(rune(n))
}
