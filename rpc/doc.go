// Package rpc is the protocol between the npm package and the cache: JSON-RPC 2.0 on stdin
// and stdout of `nx-azure-cache serve`. This page specifies it well enough to write a
// second client or server.
//
// The package knows messages and sessions. It must not know Azure, nx.json, nor what makes
// a result valid: package cache decides that.
//
// # Framing
//
// Each message is one JSON text in UTF-8 after a header, as in the Language Server
// Protocol:
//
//	Content-Length: 44\r\n
//	\r\n
//	{"jsonrpc":"2.0","id":1,"method":"shutdown"}
//
// The length counts bytes. The header's name must be spelled exactly so; lines end with CR
// LF. An id is a string or an integer from 0 on. There are no batches. Bytes that are not a
// message end the connection, without a response. stdout carries only messages; stderr
// carries logs for people.
//
// # Life of a session
//
// The client starts the server and calls initialize once. If the result says enabled, it
// calls retrieve and store as often and as concurrently as it likes. Responses come in any
// order. The response to store means that the entry is accepted. The server stores it in
// the background, and reports its outcome in the notification stored.
//
// The session ends when the server's stdin ends. The server cancels pending requests
// without a response, and stores accepted entries for at most the time drain; then it stops
// the remaining uploads. shutdown ends a session with responses: the server waits until it
// has responded to all earlier requests and stored all entries, within the same time, and
// returns the summary. It rejects later requests. shutdown may come without initialize.
//
// The notification $/cancelRequest {"id": ID} cancels retrieve. The response is then the
// error -32800, unless retrieve was finished already. It does not cancel an accepted entry.
// The server ignores other notifications of the client, except localHits and runEnded.
//
// While a request waits for its response, the server sends progress about every second. A
// server that is silent for longer than idleTimeout of initialize is suspended or hangs, and
// the client may kill it.
//
// # Methods
//
// Fields marked ? may be missing. Paths are absolute, in the platform's form.
//
//	initialize {
//	    protocolVersion  number    1
//	    clientVersion    string    version of the npm package
//	    processId        number    of the client
//	    workspaceRoot    string    path
//	    nxVersion        string
//	    ci               boolean   the result of Nx's isCI
//	    config?          object    block "azure" of nx.json, unchanged
//	    defaultBase?     string    of nx.json, unchanged
//	    extended?        array     which of azure and defaultBase come from a file
//	                               that nx.json extends; the server ignores some
//	                               settings of such a block
//	    claims?          array     of claim, see below
//	} → {
//	    serverVersion    string    differs from clientVersion after a broken install
//	    enabled          boolean   false: the server rejects retrieve and store
//	    reason           string    why not, for people; "" if enabled
//	    diagnostic?      string    code of the reason, see Diagnostics; of the first
//	                               problem if there are several
//	    mode             string    read-write, read-only or no-cache; "" if unknown
//	    scope            string    the scope that this run writes: trusted, local, pr-N,
//	                               branch-NAME, shared; or tag-NAME, readonly-NAME and
//	                               untrusted, which write nothing; "" if not enabled
//	    scopeReason      string    why, for people; "" if not enabled
//	    location         string    URL of the container and prefix; "" if not enabled
//	    session          string    name of the server's folder in a cache directory:
//	                               <cacheDirectory>/.nx-azure-cache/<session>
//	    idleTimeout      number    milliseconds that the server may be silent while
//	                               a request waits
//	    drain            number    milliseconds for which the server stores entries
//	                               after the end of stdin
//	    tasks            boolean   retrieve, store and localHits must have task,
//	                               because the settings exclude some tasks
//	    backfill?        boolean   the client should send localHits
//	    records?         boolean   the client should send took and runEnded
//	    recordAwaited?   boolean   the client should wait for the record
//	    license {
//	        status        string   valid, absent, malformed, unknown-issuer,
//	                               wrong-feature, not-yet-valid, expired;
//	                               "" if not checked (mode no-cache)
//	        organization  string
//	        expiresAt     string   RFC 3339, or ""
//	    }
//	}
//
//	claim {                        a variable that the checkout has set
//	    name             string
//	    value            string
//	    file             string    name of the .env file that sets it; "": code in
//	                               the client's process sets it
//	    isEmpty?         boolean   the environment has the variable, and it is empty
//	}
//
// The client starts the server with the environment that its process started with. A
// variable that a .env file of the checkout has added, or has filled if it was empty, is a
// claim instead, and ci is the result of isCI without these variables. The server decides
// which claims count. No log and no trace contains the value of a claim.
//
//	retrieve {
//	    hash             string    Nx's task hash
//	    cacheDirectory   string    path
//	    task?            object    see below
//	    outputs?         array     see below
//	} → null for a miss, or {
//	    code             number    exit code
//	    outputsPath      string    path of the restored outputs: <cacheDirectory>/<hash>
//	    size             number    bytes of the files in it
//	    terminalOutput?      string
//	    terminalOutputPath?  string    path of a file that the client reads and removes
//	}
//
//	store {
//	    hash             string    its outputs are in <cacheDirectory>/<hash>
//	    cacheDirectory   string    path
//	    code             number
//	    terminalOutput?      string
//	    terminalOutputPath?  string    path of a file in the server's folder
//	                                   (session of initialize). The server owns the
//	                                   file once its response is queued
//	    task?            object    see below
//	    snapshot?        object    see below
//	    outputs?         array     see below
//	    took?            number    milliseconds for which the task ran; a client
//	                               sends it only if initialize has returned records
//	} → {
//	    queued           boolean   the entry is accepted; false: it will not be stored
//	    reason           string    why not. "" if queued, and if no one needs to act: the
//	                               settings exclude the task, it has failed, or another
//	                               run of Nx is making the result
//	    diagnostic?      string    code of the reason; see Diagnostics
//	}
//
//	snapshot {                     of <cacheDirectory>/<hash>, when Nx called store
//	    time             number    milliseconds since 1970, of this machine's clock
//	    changed?         string    its change time in nanoseconds since 1970; on Windows
//	                               its last write. Missing: there was no folder
//	    inode?           string    its inode; missing on Windows
//	    lacking?         string    an output that the task declares, and that was in the
//	                               workspace and not in the folder
//	}
//
//	task {                         the task of the result, as Nx names it
//	    project          string
//	    target           string
//	    configuration?   string
//	}
//
// The server makes its folder in a cache directory when it handles the first request for
// that directory. A client that needs the folder earlier makes it: no component below
// cacheDirectory may be a link, and only its user may have access to the folder (mode
// 0700). If other users can change the cache directory, the response to retrieve and store
// is the error 5.
//
// After a miss or a damaged entry, a client need not repeat a retrieve until it stores the
// hash: Nx 22.7 and 23.0 call retrieve at every scheduling step. It should repeat it after
// some time, because another machine may have stored the entry.
//
// A client sends task with store whenever Nx has named the task: the entry's provenance
// contains the name, so that people find the entries of a task. The server shortens a long
// name. If initialize has returned tasks, retrieve and store must have task. For an excluded
// task, retrieve returns null, without a request to the storage, and store stores nothing,
// not even the name.
//
// With azure.verify, a trusted run in CI treats a share of the hits as misses: retrieve
// returns null, although the server has read the entry. When the client then stores the
// hash, the server compares what the task made with the entry, which stays as it is, and
// sends nothing. The outcome is exists or differs. If the task has failed, and the client stores
// no result, the server learns so from runEnded. The state file then has the outcome differs.
//
// An entry that exists but cannot be read, for example in the archive tier, is a miss, too.
// The first one of a session triggers a warning in the notification log.
//
// outputs are strings: the outputs that the task declares, relative to the workspace. A
// client sends them if its Nx rejects a result with a link that leaves its output, as Nx 24
// does. Such a result is not stored, and is a miss.
//
// A second run of Nx in a workspace removes <cacheDirectory>/<hash> and fills it again.
// When Nx calls store, the client takes the snapshot first. The server stores the state
// at that moment: it detects later changes, and then does not store the entry. Without a
// snapshot, the server takes one when the request arrives.
//
// The client appends "+HASH" and a line feed to the file "pending" in the server's folder
// before a task begins, and "-HASH" when it ends: when Nx calls store, or when the task has
// failed. Other servers read the file: they do not store a result while another run in the
// cache directory is making it, too. A server whose run ends in the middle of a task
// appends "~HASH" to the files of the others, which then do not store what they had begun
// before. A client does so, too, when its task has failed, and before Nx restores the
// result to the workspace.
//
//	shutdown {} → {
//	    hits             number
//	    misses           number    hashes without an entry; each counts once
//	    damaged          number    entries that exist and must not be used; the entry of
//	                               a hash counts once
//	    stored           number
//	    existing         number    results whose entry existed already
//	    skipped          number    results that cannot be stored
//	    evicted          number    results that Nx removed before they were stored
//	    failed           number    requests that failed with another error; a
//	                               retrieve counts once for each hash
//	    bytesRead        number    of archives, as they were sent
//	    bytesWritten     number
//	    saved?           number    milliseconds for which the tasks of the hits ran when
//	                               their results were stored, as far as entries tell
//	}
//
// If initialize has returned backfill, the client may send the notification localHits before
// it ends, with the results of successful tasks that Nx has found in its local cache:
//
//	localHits {
//	    cacheDirectory   string    path
//	    hits             array     of localHit
//	}
//
//	localHit {
//	    hash             string    its outputs are in <cacheDirectory>/<hash>, its
//	                               terminal output in
//	                               <cacheDirectory>/terminalOutputs/<hash>
//	    size?            number    bytes of the outputs, or of both, as Nx recorded them
//	    task?            object    see above
//	    outputs?         array     see above
//	}
//
// The server looks each hash up in the scopes that it reads, once per session, and stores the
// result if none has an entry. It stores it as it was when the notification came, and not at
// all if its size differs or if it changes. After a failure it drops the rest. It does this in
// the background, also after the end of stdin, within the time drain. No notification reports
// the outcome, and the state file does not count these results as waiting.
//
// # The record of a run
//
// If initialize has returned records, the client may hand over what Nx did, so that the
// server makes a record of the run (package runs). Nothing else depends on it. The client
// does so once for each server, at the end of the run, after localHits and as its last
// message before shutdown. It writes the file run.json in the server's folder, which must
// not exist, with the mode 0600, and then sends the notification runEnded:
//
//	runEnded {
//	    cacheDirectory   string    path: the file is
//	                               <cacheDirectory>/.nx-azure-cache/<session>/run.json
//	}
//
// The file is JSON of at most 64 MiB. names must come before inputs, and inputs before tasks:
//
//	{
//	    started?         number    when the run began, in milliseconds since 1970
//	    ended?           number    when it ended
//	    waited?          number    milliseconds for which Nx waited for the cache
//	    omitted?         number    tasks that are left out, because there are too many
//	    names?           array     of strings: names of inputs, as Nx reports them
//	    inputs?          array     of [INDEX, VALUE]: an index into names, and the string
//	                               that Nx reports for the value
//	    tasks            array     of taskRun
//	}
//
//	taskRun {
//	    id               string    project:target or project:target:configuration
//	    hash?            string    Nx's task hash
//	    status           string    Nx's: success, failure, skipped, stopped, local-cache,
//	                               local-cache-kept-existing or remote-cache
//	    cache?           boolean   whether Nx caches the task
//	    started?         number    when it began to run, in milliseconds since 1970
//	    ended?           number    when it ended
//	    inputs?          array     of indices into inputs
//	    task?            object    see above; if initialize has returned tasks. Without
//	                               it, no one else can see the task in the record
//	}
//
// What the client does not know is absent. The server reads the file when the notification
// comes, and removes it in any case. It makes no record of a file that is missing, a link,
// not a file, too large or invalid: a field has another type, an index is outside its table,
// a field comes twice, an element of an array has more than 8 MiB, or something follows the
// JSON. It only logs that. It ignores other fields, a second task of the same id, and inputs
// after the first 1,000,000 of all tasks. It counts as omitted: a task whose hash is not
// Nx's, and tasks after the first 20,000. It keeps no value, only a tag of it.
//
// The server first handles the requests and local hits before runEnded, and waits for the
// outcome of each accepted entry. It stops waiting when the time drain since runEnded is
// nearly over, or when a signal ends the server. Then it keeps the record, within that time;
// after a signal it uploads none. If stdin ends meanwhile, the session ends when the record
// is kept; shutdown responds after that. The server ignores runEnded after shutdown, before
// the response to initialize, and the second time. The record does not have what the server
// does for later requests.
//
// The server keeps the whole record in the cache directory. What it uploads has no task that
// the settings exclude.
//
// The client should wait for the record in CI, if the run uploads it, writes the summary of
// its job or verifies hits: initialize returns recordAwaited, and the state file (see
// [State]) has recording. Otherwise the client waits for nothing that it has not sent.
// recording is set from before the file is removed until the record is kept. waiting does not
// count it. recordProblem says afterwards why the record is not stored: a whole line, of the
// diagnostic NXAC103. No notification reports it.
//
// # Strings and files
//
// Exactly one of terminalOutput and terminalOutputPath is set. A terminal output of more
// than 262,144 bytes is sent as a file, because this codec needs seconds and 190 MiB for a
// string of 16 MiB. Lone surrogates, which UTF-8 cannot represent, become U+FFFD.
//
// # Notifications of the server
//
//	stored {                       once for each accepted entry
//	    hash             string
//	    bytes            number    of the archive; 0 unless outcome is stored
//	    outcome          string    stored; exists: the entry existed already;
//	                               changed: the outputs changed before they were packed;
//	                               evicted: Nx removed them, to limit its local cache;
//	                               refused: an archive cannot represent them;
//	                               differs: the entry existed already, and has other
//	                               outputs, see below; failed
//	    reason           string    for people; "" for stored and exists
//	    code?            number    of the error, if failed; see Errors
//	    diagnostic?      string    code of the reason; see Diagnostics
//	    more?            number    in the state file: other problems of the kind
//	}
//
//	progress {                     while requests wait
//	    bytes            number    sent and received since initialize
//	}
//
//	log {
//	    level            string
//	    message          string
//	    diagnostic?      string    see Diagnostics
//	    fields?          object
//	}
//
// level is debug, warn or error. message is one line for people that says what to do. The
// client shows messages from warn on.
//
// # Errors
//
//	-32600  initialize was called twice, or a request came after shutdown
//	-32601  unknown method
//	-32602  params are missing or invalid; in retrieve and store also an unknown
//	        field, which initialize ignores, and a missing task. shutdown ignores
//	        params
//	-32603  a bug of the server
//	-32002  retrieve or store came before the response to initialize
//	-32800  cancelled: by the client, or by the end of the session
//	     1  unavailable: the storage or the network failed
//	     2  misconfigured: the user must change a setting, a permission or a network
//	        before the storage can be used; the message says how
//	     3  damaged: the stored entry must not be used
//	     4  off: the reason of initialize; or the storage has failed so often that
//	        the server sends it no more requests in this session
//	     5  file system: the file system of the client's machine failed, or the cache
//	        directory or the server's folder in it cannot be used; the message says
//	        what to do
//
// A code says what failed, not who detects it: reads, writes and the later outcome of an
// entry have the same codes, and a client that cannot use the server's folder reports 5
// itself. So a client can show one line for each kind of problem. 1, 2 and 4 are one kind,
// the storage: 2 says the most, and 4 more than 1, because a server that rejects a request
// often resets other connections.
//
// # Diagnostics
//
// A diagnostic is a code such as "NXAC042". It says which section of
// docs/troubleshooting.md explains the line, and does not change when the line is worded in
// another way. The data of errors that users can see is {"diagnostic": CODE}. Errors of the
// protocol, with codes from -32700 to -32600 and -32002, have no data, except -32602 and
// -32603. The error 4 has the diagnostic of the reason: that of initialize, or of the
// failures after which the server stopped. A client shows the code behind the text, with
// the address of the section. It accepts messages without a diagnostic.
//
// Strings for people are one line: reason, scopeReason, location, organization and every
// message. The server escapes controls and invisible characters in them, as package
// printable does. A client that shows them must not rely on that.
//
// No error says anything about the task: a client treats each as a miss, or as a result
// that was not stored. A message never contains a secret.
package rpc
