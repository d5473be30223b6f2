@rem sh replaces itself with exec, so that npm signals node itself; cmd finds this file instead.
@%*
