// The measured calls on Go's net/http with pgx and redigo: the same SQL, Redis commands and replies as the services.
package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v4/pgxpool"
)

var (
	statements    map[string]string
	secret        = []byte(os.Getenv("PEER_SECRET"))
	users, values *pgxpool.Pool
	cache         *redis.Pool
	addJobs       *redis.Script
	states        = []string{"pending", "pending", "done", "failed"}
	requestCount  uint64
)

type envelope struct {
	Status  string      `json:"status"`
	Message string      `json:"message,omitempty"`
	Code    string      `json:"code,omitempty"`
	Data    interface{} `json:"data,omitempty"`
}

type shownUser struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Email    string `json:"email"`
	Active   bool   `json:"active"`
}

type submitted struct {
	Working bool   `json:"working"`
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Index   int64  `json:"index"`
	State   string `json:"state"`
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(variable string) []byte {
	bytes, err := os.ReadFile(os.Getenv(variable))
	must(err)
	return bytes
}

func connect(variable string) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(os.Getenv(variable))
	must(err)
	config.MaxConns = 8
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	must(err)
	return pool
}

// userOf returns the user id in a valid token (HS256).
func userOf(r *http.Request) (int64, bool) {
	parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
	if len(parts) != 3 {
		return 0, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return 0, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Sub string `json:"sub"`
		Exp int64  `json:"exp"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Exp <= time.Now().Unix() {
		return 0, false
	}
	id, err := strconv.ParseInt(claims.Sub, 10, 64)
	return id, err == nil
}

func reply(w http.ResponseWriter, status int, body interface{}) {
	bytes, err := json.Marshal(body)
	if err != nil {
		status = 500
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(bytes)
}

func fail(w http.ResponseWriter, status int, code string) {
	reply(w, status, envelope{Status: "fail", Code: code})
}

func ping(w http.ResponseWriter, r *http.Request) {
	reply(w, 200, envelope{Status: "success", Message: "pong!"})
}

func user(w http.ResponseWriter, r *http.Request) {
	if _, ok := userOf(r); !ok {
		fail(w, 401, "token_invalid")
		return
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/users/"), 10, 64)
	var shown shownUser
	var isAdmin bool
	var hash string
	if err == nil {
		err = users.QueryRow(r.Context(), statements["user_by_id"], id).
			Scan(&shown.ID, &shown.Username, &shown.Email, &shown.Active, &isAdmin, &hash)
	}
	if err != nil {
		fail(w, 404, "user_not_found")
		return
	}
	reply(w, 200, envelope{Status: "success", Data: shown})
}

func shownOf(r *http.Request) (shown map[string]string, err error) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		return nil, err
	}
	rows, err := values.Query(r.Context(), statements["calculations_shown"], "fibonacci", -1, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	shown = make(map[string]string, limit)
	for rows.Next() {
		var index int64
		var preview *string
		if err := rows.Scan(&index, &preview); err != nil {
			return nil, err
		}
		text := "Nothing yet!"
		if preview != nil {
			text = *preview
		}
		shown[strconv.FormatInt(index, 10)] = text
	}
	return shown, rows.Err()
}

func current(w http.ResponseWriter, r *http.Request) {
	shown, err := shownOf(r)
	if err != nil {
		fail(w, 500, "internal")
		return
	}
	reply(w, 200, shown)
}

func submit(w http.ResponseWriter, r *http.Request) {
	userID, ok := userOf(r)
	if !ok {
		fail(w, 401, "token_invalid")
		return
	}
	var body struct {
		Index int64 `json:"index"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		fail(w, 400, "invalid_payload")
		return
	}
	var id int64
	var state *string
	err := values.QueryRow(r.Context(), statements["values_insert"], []int64{userID}, []string{"fibonacci"}, []int64{body.Index}).Scan(&id, &state)
	if err != nil {
		fail(w, 500, "internal")
		return
	}
	if state == nil || *state == "pending" {
		connection := cache.Get()
		defer connection.Close()
		found, err := redis.Ints(addJobs.Do(connection, "jobs", "{jobs}:large", "{jobs}:window", "{jobs}:dead", "{jobs}:finished", "{jobs}:load", 10000, 500000, "fibonacci", body.Index, requestID(r), 0))
		if err != nil {
			fail(w, 500, "internal")
			return
		}
		state = &states[found[0]]
	}
	reply(w, 200, submitted{true, strconv.FormatInt(id, 10), "fibonacci", body.Index, *state})
}

type idKey struct{}

func requestID(r *http.Request) string {
	return r.Context().Value(idKey{}).(string)
}

type recorder struct {
	http.ResponseWriter
	status, bytes int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(bytes []byte) (int, error) {
	r.bytes += len(bytes)
	return r.ResponseWriter.Write(bytes)
}

// logged writes the access log: one JSON line for each request, through a buffer that is flushed every second.
func logged(next http.Handler) http.Handler {
	file, err := os.OpenFile(os.Getenv("PEER_LOG"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
	out := bufio.NewWriterSize(file, 32*1024)
	var mutex sync.Mutex
	go func() {
		for range time.Tick(time.Second) {
			mutex.Lock()
			out.Flush()
			mutex.Unlock()
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := "peer-" + strconv.FormatUint(atomic.AddUint64(&requestCount, 1), 10)
		recorded := &recorder{ResponseWriter: w, status: 200}
		next.ServeHTTP(recorded, r.WithContext(context.WithValue(r.Context(), idKey{}, id)))
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mutex.Lock()
		fmt.Fprintf(out, `{"ts":"%s","request_id":"%s","method":"%s","path":"%s","status":%d,"bytes":%d,"duration_s":%.6f,"remote_ip":"%s"}`+"\n",
			start.UTC().Format("2006-01-02T15:04:05.000Z"), id, r.Method, r.URL.Path, recorded.status, recorded.bytes,
			time.Since(start).Seconds(), host)
		mutex.Unlock()
	})
}

func main() {
	must(json.Unmarshal(read("PEER_STATEMENTS"), &statements))
	users, values = connect("PEER_USERS_URL"), connect("PEER_VALUES_URL")
	addJobs = redis.NewScript(6, string(read("PEER_ADD_LUA")))
	cache = &redis.Pool{MaxIdle: 64, Dial: func() (redis.Conn, error) { return redis.DialURL(os.Getenv("PEER_REDIS_URL")) }}
	mux := http.NewServeMux()
	mux.HandleFunc("/users/ping", ping)
	mux.HandleFunc("/users/", user)
	mux.HandleFunc("/values/current", current)
	mux.HandleFunc("/values", submit)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PEER_PORT"), logged(mux)))
}
