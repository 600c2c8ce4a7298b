// The servers: they run until they are ended.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
)

func listen(port int) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return l
}

func echo(port int) {
	l := listen(port)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buffer := make([]byte, 4096)
			for {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				if _, err := c.Write(buffer[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func serveHTTP(port int) {
	http.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("Hello, World!")) })
	fmt.Fprintln(os.Stderr, http.Serve(listen(port), nil))
}
