package azuretest

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxResults is the most blobs of one page, and the default.
const maxResults = 5000

// page is one List Blobs request.
type page struct {
	prefix, marker, delimiter string
	limit                     int
	metadata                  bool
	requestedMax              string // maxresults, as sent
}

// Parameters that would change a list; they are not implemented.
var unsupportedParameters = []string{"endbefore", "showonly", "startfrom"}

// parsePage reads the query of a list.
func parsePage(query url.Values) (p page, refusal response, ok bool) {
	p = page{prefix: query.Get("prefix"), delimiter: query.Get("delimiter"), limit: maxResults, requestedMax: query.Get("maxresults")}
	invalid := failure(http.StatusBadRequest, "OutOfRangeQueryParameterValue")
	for name := range query {
		if slices.Contains(unsupportedParameters, strings.ToLower(name)) {
			return p, notImplemented, false
		}
	}
	for _, what := range strings.Split(query.Get("include"), ",") {
		switch what {
		case "":
		case "metadata":
			p.metadata = true
		default:
			return p, notImplemented, false
		}
	}
	if p.requestedMax != "" {
		limit, err := strconv.Atoi(p.requestedMax)
		if err != nil || limit < 1 {
			return p, invalid, false
		}
		p.limit = min(limit, maxResults)
	}
	if marker := query.Get("marker"); marker != "" {
		text, known := strings.CutPrefix(marker, markerPrefix)
		name, err := base64.URLEncoding.DecodeString(text)
		if !known || err != nil {
			return p, invalid, false
		}
		p.marker = string(name)
	}
	return p, response{}, true
}

// markerPrefix makes a marker look as little like a name as Azure's.
const markerPrefix = "2!"

func (c *call) list() response {
	if !c.rights().List {
		return notPermitted
	}
	p, refusal, ok := parsePage(c.query)
	if !ok {
		return refusal
	}
	s := &c.service.store
	s.mu.Lock() // it may have to sort the names
	defer s.mu.Unlock()
	container, _ := c.find()
	if container == nil {
		return containerNotFound
	}
	body := p.write(container, c.container, "http://"+c.r.Host+"/"+c.service.account+"/", c.query.Get("marker"))
	return response{
		status: http.StatusOK, body: [][]byte{body}, length: int64(len(body)),
		header: http.Header{"Content-Type": {"application/xml"}},
	}
}

// sorted returns the names of the blobs. The caller holds the lock.
func (c *container) sorted() []string {
	if c.names == nil {
		c.names = make([]string, 0, len(c.blobs))
		for name := range c.blobs {
			c.names = append(c.names, name)
		}
		slices.Sort(c.names)
	}
	return c.names
}

func (p page) write(c *container, name, endpoint, marker string) []byte {
	var b bytes.Buffer
	b.WriteString(byteOrderMark + `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="`)
	escape(&b, endpoint)
	b.WriteString(`" ContainerName="`)
	escape(&b, name)
	b.WriteString(`">`)
	for _, element := range []struct{ name, value string }{{"Prefix", p.prefix}, {"Marker", marker}, {"MaxResults", p.requestedMax}, {"Delimiter", p.delimiter}} {
		if element.value != "" {
			writeElement(&b, element.name, element.value)
		}
	}
	b.WriteString("<Blobs>")
	names := c.sorted()
	at, _ := slices.BinarySearch(names, max(p.prefix, p.marker))
	for count := 0; at < len(names) && count < p.limit && strings.HasPrefix(names[at], p.prefix); count++ {
		if folder, ok := p.folder(names[at]); ok {
			b.WriteString("<BlobPrefix>")
			writeName(&b, folder)
			b.WriteString("</BlobPrefix>")
			at += sort.Search(len(names)-at, func(i int) bool { return !strings.HasPrefix(names[at+i], folder) })
			continue
		}
		p.writeBlob(&b, names[at], c.blobs[names[at]])
		at++
	}
	b.WriteString("</Blobs>")
	if at < len(names) && strings.HasPrefix(names[at], p.prefix) {
		writeElement(&b, "NextMarker", markerPrefix+base64.URLEncoding.EncodeToString([]byte(names[at])))
	} else {
		b.WriteString("<NextMarker />")
	}
	b.WriteString("</EnumerationResults>")
	return b.Bytes()
}

// folder is the entry for all blobs whose names begin so, in a list with a delimiter.
func (p page) folder(name string) (folder string, ok bool) {
	if p.delimiter == "" {
		return "", false
	}
	rest := name[len(p.prefix):]
	end := strings.Index(rest, p.delimiter)
	if end < 0 {
		return "", false
	}
	return name[:len(p.prefix)+end+len(p.delimiter)], true
}

func (p page) writeBlob(b *bytes.Buffer, name string, existing *blob) {
	b.WriteString("<Blob>")
	writeName(b, name)
	b.WriteString("<Properties>")
	writeElement(b, "Creation-Time", existing.created.Format(http.TimeFormat))
	writeElement(b, "Last-Modified", existing.modified.Format(http.TimeFormat))
	writeElement(b, "Etag", strings.Trim(existing.etag, `"`))
	writeElement(b, "Content-Length", fmt.Sprint(existing.size))
	for _, property := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control"} {
		writeElement(b, property, existing.header.Get(property))
	}
	writeElement(b, "Content-MD5", existing.header.Get("Content-Md5"))
	tier := "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred>"
	if existing.archived {
		tier = "<AccessTier>Archive</AccessTier>"
	}
	b.WriteString("<BlobType>BlockBlob</BlobType>" + tier +
		"<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>")
	if p.metadata {
		b.WriteString("<Metadata>")
		for _, header := range existing.metadata {
			// HTTP loses the case; we write lower case only.
			writeElement(b, strings.ToLower(header[len(metadataPrefix):]), existing.header[header][0])
		}
		b.WriteString("</Metadata>")
	}
	b.WriteString("<OrMetadata /></Blob>")
}

func writeName(b *bytes.Buffer, name string) {
	if strings.ContainsFunc(name, notXML) {
		b.WriteString(`<Name Encoded="true">` + url.PathEscape(name) + "</Name>")
	} else {
		writeElement(b, "Name", name)
	}
}

// notXML reports whether XML cannot hold a character.
func notXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF
}

func writeElement(b *bytes.Buffer, name, value string) {
	if value == "" {
		b.WriteString("<" + name + " />")
		return
	}
	b.WriteString("<" + name + ">")
	escape(b, value)
	b.WriteString("</" + name + ">")
}

func escape(b *bytes.Buffer, text string) {
	if !strings.ContainsFunc(text, needsCare) {
		b.WriteString(text) // most of a list
		return
	}
	_ = xml.EscapeText(b, []byte(text)) // a Buffer takes all
}

func needsCare(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`<>&'"`, r) }
