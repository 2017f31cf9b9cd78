# A peer for tests of networks: TCP and UDP at port 7000, IPv4 and IPv6 alike.
# TCP: "take N" reads N bytes and says "took"; "send N" sends N bytes. UDP: what comes goes back.
import socket, threading

def exactly(connection, count):
    while count > 0:
        piece = connection.recv(min(count, 65536))
        if not piece:
            return
        count -= len(piece)

def serve(connection, _):
    with connection:
        line = b''
        while not line.endswith(b'\n'):
            byte = connection.recv(1)
            if not byte:
                return
            line += byte
        verb, count = line.split()
        if verb == b'take':
            exactly(connection, int(count))
            connection.sendall(b'took')
        else:
            connection.sendall(bytes(int(count)))

def echo():
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(('::', 7000))
    while True:
        data, sender = udp.recvfrom(65536)
        udp.sendto(data, sender)

tcp = socket.create_server(('::', 7000), family=socket.AF_INET6, dualstack_ipv6=True, backlog=500)
threading.Thread(target=echo, daemon=True).start()
print('ready', flush=True)
while True:
    threading.Thread(target=serve, args=tcp.accept(), daemon=True).start()
