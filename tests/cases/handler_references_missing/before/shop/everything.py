from another import *
