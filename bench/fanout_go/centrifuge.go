package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"

	"github.com/centrifugal/centrifuge"
)

// centrifugeServer serves one channel, "feed", with the library's defaults.
func centrifugeServer(arguments []string) error {
	flags := flag.NewFlagSet("centrifuge", flag.ExitOnError)
	control := flags.String("control", "", "path of the Unix socket for messages")
	flags.Parse(arguments)
	node, err := centrifuge.New(centrifuge.Config{LogLevel: centrifuge.LogLevelError})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, callback centrifuge.SubscribeCallback) {
			callback(centrifuge.SubscribeReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(listener, centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return published(*control, func(message []byte) {
		if _, err := node.Publish("feed", message); err != nil {
			panic(err)
		}
	})
}
